import { $, framed, h, refill } from "./dom.js";
import { LiveObjects } from "./objects.js";

const SHOWN = 500; // of a kind: with thousands the page would do nothing but draw them

/** Live channels and bridges, and what is done to them most. */
export function startCalls(bridge) {
  const objects = new LiveObjects();
  const away = new Set(); // targets whose calls are shown as they were last
  let selected = null;

  const render = framed(() => {
    const { channels, bridges } = objects;
    const [shownChannels, shownBridges] = [channels, bridges].map((all) => all.slice(-SHOWN));
    if (!channels.some(({ id }) => id === selected)) selected = null;
    const channelItems = shownChannels.map(({ target, channel }) => channelItem(channel, selected, select, away.has(target)));
    const bridgeItems = shownBridges.map(({ target, bridge: it }) => bridgeItem(it, away.has(target)));
    fill($("channels"), [...channelItems, ...more(channels)], "No calls. Originate one above.");
    fill($("bridges"), [...bridgeItems, ...more(bridges)], "No bridges.");
    fill($("channel-ids"), shownChannels.map(({ id, channel }) => h("option", { value: id, label: channel.name })));
    fill($("bridge-ids"), shownBridges.map(({ id, bridge: it }) => h("option", { value: id, label: it.name })));
    $("calls-count").textContent = channels.length === 1 ? "1 channel" : `${channels.length} channels`;
    $("bridges-count").textContent = String(bridges.length);
    $("selected").hidden = selected === null;
    const channel = objects.channel(selected);
    $("selected-name").textContent = channel?.name ?? "";
    $("answer").disabled = channel?.state === "Up";
  });

  const select = (id) => {
    selected = selected === id ? null : id;
    render();
  };

  const loading = new Set(); // what happened while each list was on its way, which may be from before
  const load = async (target) => {
    const meanwhile = { target, events: [] };
    loading.add(meanwhile);
    try {
      const options = { target };
      const [channels, bridges] = await Promise.all([
        bridge.ari.channels.list({}, options),
        bridge.ari.bridges.list({}, options),
      ]);
      objects.replace(target, channels, bridges);
      away.delete(target);
      for (const event of meanwhile.events) objects.apply(target, event);
      render();
    } catch (error) {
      say(error.message, true);
    } finally {
      loading.delete(meanwhile);
    }
  };

  const refresh = () => bridge.welcome.targets.forEach(({ name }) => load(name));
  $("calls-refresh").addEventListener("click", refresh);
  startOriginate(bridge);
  startActions(bridge, () => ({ channelId: selected, target: objects.target(selected) }));
  refresh();
  render();

  return {
    event(target, event) {
      for (const list of loading) if (list.target === target) list.events.push(event);
      objects.apply(target, event);
      render();
    },
    gap(target, { next }) {
      if (next === "live") load(target);
      if (next === "wait") away.add(target);
      render();
    },
  };
}

function startOriginate(bridge) {
  const form = $("originate");
  const { endpoint, to, extension } = form.elements;
  to.addEventListener("change", () => (extension.closest("label").hidden = to.value !== "extension"));
  form.addEventListener("submit", (submit) => {
    submit.preventDefault();
    const params = { endpoint: endpoint.value.trim() };
    if (to.value === "extension") Object.assign(params, { extension: extension.value.trim(), context: "default", priority: 1 });
    const target = $("target").value || undefined;
    run(`Calling ${params.endpoint}`, () => bridge.ari.channels.originate(params, { target }));
  });
  const option = (it) => h("option", { value: `${it.technology}/${it.resource}`, label: it.state });
  for (const { name } of bridge.welcome.targets) {
    bridge.ari.endpoints
      .list({}, { target: name })
      .then((list) => $("endpoints").append(...list.map(option)))
      .catch(() => {}); // only a help for typing
  }
}

function startActions({ ari }, current) {
  const on = (words, operation, more = () => ({})) => {
    const { channelId, target } = current();
    run(words, () => ari.channels[operation]({ channelId, ...more() }, { target }));
  };
  $("answer").addEventListener("click", () => on("Answered", "answer"));
  $("hangup").addEventListener("click", () => on("Hung up", "hangup"));
  $("play").addEventListener("submit", (submit) => {
    submit.preventDefault();
    on("Playing", "play", () => ({ media: $("play").elements.media.value.trim() }));
  });
}

async function run(words, command) {
  say("On its way …");
  try {
    await command();
    say(words);
  } catch (error) {
    say(error.message, true);
  }
}

function say(text, isBad = false) {
  $("calls-message").textContent = text;
  $("calls-message").classList.toggle("bad", isBad);
}

function fill(list, items, otherwise) {
  const empty = otherwise ? [h("li", { className: "empty" }, otherwise)] : [];
  refill(list, items.length ? items : empty);
}

/** What tells of those that are not shown, the oldest. */
function more({ length }) {
  return length > SHOWN ? [h("li", { className: "empty" }, `and ${length - SHOWN} more`)] : [];
}

const TONES = { Up: "good", Ring: "warn", Ringing: "warn", Busy: "bad" };

function channelItem(channel, selected, select, isOld) {
  const { id, name, state } = channel;
  const button = h(
    "button",
    { type: "button", className: "item", title: id, attributes: { "aria-pressed": String(id === selected) } },
    h("span", { className: `dot ${TONES[state] ?? ""}` }),
    h("span", { className: "mono" }, name),
    h("span", { className: "where" }, where(channel)),
    h("span", { className: "state" }, state),
  );
  button.addEventListener("click", () => select(id));
  return h("li", { className: isOld ? "old" : "" }, button);
}

function where({ caller, connected, dialplan, aribridge }) {
  const parties = [caller?.number, connected?.number].filter(Boolean).join(" with ");
  const place = dialplan?.app_name ? `${dialplan.app_name}(${dialplan.app_data ?? ""})` : dialplan?.exten;
  return [parties, place, aribridge?.owner].filter(Boolean).join(" · ");
}

function bridgeItem({ id, name, bridge_type: type, channels }, isOld) {
  const parties = channels.length === 1 ? "1 channel" : `${channels.length} channels`;
  return h(
    "li",
    { className: isOld ? "item old" : "item", title: id },
    h("span", { className: `dot ${channels.length ? "good" : ""}` }),
    h("span", { className: "mono" }, name || id),
    h("span", { className: "where" }, type),
    h("span", { className: "state" }, parties),
  );
}
