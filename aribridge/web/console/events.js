import { $, framed, h, pretty, refill } from "./dom.js";

const KEPT = 1000;
const SHOWN = 200;

/** The stream of events: the newest first, filtered, paused at will, and never more than so many. */
export function startEvents() {
  let kept = []; // the newest last
  let frozen = null; // what is shown while paused
  let terms = [];
  let number = 0;
  const rows = new Map(); // number → element, so that an opened event stays open

  const render = framed(() => {
    const shown = (frozen ?? kept).filter((entry) => passes(entry, terms)).slice(-SHOWN).reverse();
    refill($("events"), shown.length ? shown.map((entry) => row(rows, entry)) : [nothing(terms)]);
    keepOnly(rows, shown);
    $("events-count").textContent = count(kept, frozen, shown);
  });

  const add = (entry) => {
    number += 1;
    kept.push({ ...entry, number });
    if (kept.length > KEPT) kept = kept.slice(-KEPT);
    render();
  };

  const pause = () => {
    frozen = frozen ? null : [...kept];
    $("pause").setAttribute("aria-pressed", String(frozen !== null));
    $("pause").textContent = frozen ? "Resume" : "Pause";
    render();
  };

  $("pause").addEventListener("click", pause);
  $("filter").addEventListener("input", () => {
    terms = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    render();
  });
  $("clear").addEventListener("click", () => {
    kept = [];
    if (frozen) frozen = [];
    render();
  });
  render();

  return {
    event: (target, event) => add({ event, text: `${target} ${JSON.stringify(event)}`.toLowerCase() }),
    gap: (target, gap) => add({ gap, target, text: `gap ${target} ${gap.reason}` }),
  };
}

/** Every word must occur, and no word with a minus before it. */
function passes({ text }, terms) {
  return terms.every((term) => (/^-./.test(term) ? !text.includes(term.slice(1)) : text.includes(term)));
}

function count(kept, frozen, shown) {
  if (frozen) return `paused, ${kept.filter(({ number }) => number > (frozen.at(-1)?.number ?? 0)).length} new`;
  return shown.length === kept.length ? String(kept.length) : `${shown.length} of ${kept.length}`;
}

function nothing(terms) {
  return h("li", { className: "empty" }, terms.length ? "No event passes the filter." : "No events.");
}

function row(rows, entry) {
  if (!rows.has(entry.number)) rows.set(entry.number, entry.gap ? gapRow(entry) : eventRow(entry));
  return rows.get(entry.number);
}

function keepOnly(rows, shown) {
  const numbers = new Set(shown.map(({ number }) => number));
  for (const number of rows.keys()) if (!numbers.has(number)) rows.delete(number);
}

function gapRow({ gap, target }) {
  const after = gap.next === "wait" ? "its events will come again when it is back" : "live again from here";
  return h("li", { className: "gap" }, `Gap on ${target} (${gap.reason}): events were missed; ${after}.`);
}

function eventRow({ event }) {
  const details = h(
    "details",
    {},
    h(
      "summary",
      {},
      h("time", {}, event.timestamp?.slice(11, 23) ?? ""),
      h("span", { className: "type" }, event.type),
      h("span", { className: "about" }, about(event)),
    ),
  );
  // The JSON of events that nobody opens is not worth making.
  details.addEventListener("toggle", () => details.append(h("pre", {}, pretty(event))), { once: true });
  return h("li", {}, details);
}

/** What the event is about, in a few words. */
function about({ channel, peer, bridge, endpoint, device_state, playback, recording, digit, variable, value, dialstatus }) {
  const subject =
    channel?.name ??
    peer?.name ??
    (bridge && `bridge ${bridge.name || bridge.id}`) ??
    (endpoint && `${endpoint.technology}/${endpoint.resource} ${endpoint.state ?? ""}`) ??
    (device_state && `${device_state.name} ${device_state.state}`) ??
    (playback && `${playback.media_uri} ${playback.state}`) ??
    (recording && `${recording.name} ${recording.state}`) ??
    "";
  const more = [digit, dialstatus, channel && !variable && channel.state];
  return [variable && `${variable}=${value}`, subject, ...more].filter(Boolean).join(" ");
}
