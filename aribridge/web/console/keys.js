import { $ } from "./dom.js";

const KEYS = {
  "/": () => $("filter").focus(),
  o: () => $("operation-search").focus(),
  n: () => $("originate").elements.endpoint.focus(),
  p: () => $("pause").click(),
  c: () => $("clear").click(),
  r: () => $("calls-refresh").click(),
  t: () => $("theme").click(),
  "?": () => $("help").showModal(),
};

/** Single keys for what is used most; they stay out of the way while something is typed. */
export function startKeys() {
  $("help-button").addEventListener("click", KEYS["?"]);
  addEventListener("keydown", (press) => {
    const { target, key } = press;
    if (press.ctrlKey || press.metaKey || press.altKey || $("help").open) return;
    if (target.matches("input, select, textarea")) {
      if (key === "Escape") target.blur();
    } else if (Object.hasOwn(KEYS, key)) {
      press.preventDefault();
      KEYS[key]();
    }
  });
}
