import { $, h } from "./dom.js";

const LISTS = { channelId: "channel-ids", channel: "channel-ids", originator: "channel-ids", bridgeId: "bridge-ids", endpoint: "endpoints" };
const isObject = ({ type }) => type === "containers" || type === "object";
const controlId = ({ name }) => `param-${name}`;

/** A labelled control for one parameter of an operation. */
export function field(param) {
  const mark = param.required ? [h("span", { className: "needed", title: "required" }, " *")] : [];
  const hint = h("p", { className: "hint", id: `${controlId(param)}-hint` }, param.description);
  return h(
    "div",
    { className: `field ${isObject(param) ? "wide" : ""}` },
    h("label", { htmlFor: controlId(param) }, param.name, ...mark),
    control(param),
    ...(param.description ? [hint] : []),
  );
}

/** The value that was typed, as JSON; undefined if none was. Throws an Error that names the field. */
export function readField(param) {
  const text = $(controlId(param)).value.trim();
  if (text === "") return undefined;
  if (isObject(param)) return readJson(param.name, text);
  if (param.type === "boolean") return text === "true";
  return param.type === "int" || param.type === "long" ? Number(text) : text;
}

function control(param) {
  const common = { id: controlId(param), name: param.name, required: param.required };
  const described = param.description ? { "aria-describedby": `${controlId(param)}-hint` } : {};
  const choices = param.type === "boolean" ? ["true", "false"] : param.allowed;
  if (choices.length) {
    const options = ["", ...choices].map((value) => h("option", { value }, value || defaultWords(param)));
    return h("select", { ...common, attributes: described }, ...options);
  }
  if (isObject(param)) return h("textarea", { ...common, rows: 3, placeholder: "{ }", spellcheck: false, attributes: described });
  const type = param.type === "int" || param.type === "long" ? "number" : "text";
  const list = LISTS[param.name] ? { list: LISTS[param.name] } : {};
  const placeholder = param.default === null ? "" : String(param.default);
  return h("input", { ...common, type, placeholder, autocomplete: "off", attributes: { ...described, ...list } });
}

const defaultWords = (param) => (param.default === null ? "" : `(${param.default})`);

function readJson(name, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`);
  }
}
