import { fetchCatalogue } from "./catalogue.js";
import { $, h, pretty } from "./dom.js";
import { field, readField } from "./fields.js";

/** A form for any operation that the connected Asterisk describes. */
export function startOperations(bridge, token) {
  const names = bridge.welcome.targets.map(({ name }) => name);
  $("target").replaceChildren(...names.map((name) => h("option", { value: name }, name)));
  $("target-label").hidden = names.length < 2;
  let operations = [];
  let isMissing = false; // since the target was down when it was asked

  const show = () => {
    const operation = operations.find(({ id }) => id === $("operation-list").value);
    if (operation) fillForm(operation);
  };
  const search = () => {
    const found = matching(operations, $("operation-search").value);
    const list = $("operation-list");
    const chosen = list.value;
    list.replaceChildren(...grouped(found));
    list.value = chosen;
    // Who went to the list before the operations came waits there for the first.
    if (document.activeElement === list && list.selectedIndex < 0) pickFirst(show);
    $("operations-count").textContent = found.length === operations.length ? `${found.length}` : `${found.length} of ${operations.length}`;
  };
  const load = async () => {
    const target = $("target").value;
    const isChosen = () => $("target").value === target; // and no other was meanwhile
    try {
      const found = await fetchCatalogue(target, token);
      if (!isChosen()) return;
      ({ operations } = found);
      search();
      if (isMissing) $("result").replaceChildren();
      isMissing = false;
    } catch (error) {
      if (!isChosen()) return;
      isMissing = true;
      $("result").replaceChildren(h("p", { className: "error" }, error.message));
    }
  };

  $("operation-search").addEventListener("input", search);
  $("operation-search").addEventListener("keydown", (press) => {
    if (press.key !== "ArrowDown") return;
    press.preventDefault();
    pickFirst(show);
  });
  $("operation-list").addEventListener("change", show);
  $("target").addEventListener("change", load);
  $("operation-form").addEventListener("submit", (submit) => {
    submit.preventDefault();
    run(bridge, operations.find(({ id }) => id === $("operation-form").dataset.operation));
  });
  load();
  return {
    gap(target, { next }) {
      if (next === "live" && isMissing && target === $("target").value) load();
    },
  };
}

function matching(operations, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const text = ({ id, method, path, summary }) => `${id} ${method} ${path} ${summary}`.toLowerCase();
  return operations.filter((operation) => words.every((word) => text(operation).includes(word)));
}

function grouped(operations) {
  const groups = new Map();
  for (const operation of operations) {
    const resource = operation.id.split(".")[0];
    if (!groups.has(resource)) groups.set(resource, h("optgroup", { label: resource }));
    groups.get(resource).append(h("option", { value: operation.id, title: operation.summary }, operation.id));
  }
  return groups.values();
}

function pickFirst(show) {
  $("operation-list").focus();
  $("operation-list").selectedIndex = 0;
  show();
}

function fillForm({ id, method, path, summary, params }) {
  const form = $("operation-form");
  form.dataset.operation = id;
  form.replaceChildren(
    h("p", {}, h("span", { className: "mono method" }, method), " ", h("span", { className: "mono" }, path)),
    h("p", { className: "hint" }, summary),
    h("div", { className: "fields" }, ...[...params].sort((a, b) => b.required - a.required).map(field)),
    h("div", {}, h("button", { className: "primary" }, `Run ${id}`)),
  );
  $("result").replaceChildren();
}

async function run(bridge, { id, params }) {
  const started = performance.now();
  const took = () => `${Math.round(performance.now() - started)} ms`;
  try {
    const values = params.map((param) => [param.name, readField(param)]).filter(([, value]) => value !== undefined);
    const reply = await bridge.call(id, Object.fromEntries(values), { target: $("target").value });
    show(`${reply.status}`, "good", took(), reply.body);
  } catch (error) {
    show(error.status ? `${error.status} ${error.code}` : error.message, "bad", took(), error.body, error.detail);
  }
}

function show(status, tone, time, body, detail) {
  const pill = h("span", { className: `pill ${tone}` }, status);
  const parts = [h("div", {}, pill, " ", h("span", { className: "hint" }, time))];
  if (detail) parts.push(h("p", {}, detail));
  if (body !== undefined && body !== null) parts.push(h("pre", {}, pretty(body)));
  $("result").replaceChildren(...parts);
}
