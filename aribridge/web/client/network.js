const BACKOFF_MS = { first: 500, most: 15_000, hidden: 60_000 };
const OFFLINE_MS = 60_000; // browsers err, with a VPN for one: it is tried nevertheless
const LOOK_MS = 5_000; // how often the clock is looked at
const SLEPT_MS = 10_000; // by which the clock is ahead of the timers after a sleep
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How long to wait before an attempt: longer each time, by chance, and longer still while nobody looks. */
export function backoff(attempt) {
  if (globalThis.navigator?.onLine === false) return OFFLINE_MS;
  const grown = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** attempt);
  const hidden = attempt > 0 && globalThis.document?.hidden;
  return (hidden ? BACKOFF_MS.hidden : grown) * (0.5 + Math.random() / 2);
}

/**
 * Tell, until `signal` aborts, of what a connection may not survive: `changed(reason, {network, offline})` for networks
 * that come, change or go, for a machine that slept, and for pages that are looked at or run again; `left()` when the
 * page is left, which a browser may keep as it is to show it once more (the "back/forward cache").
 * (A connection's "change" event also tells of mere estimates of its speed; only another type is another network.)
 */
export function watchSurroundings(signal, { changed, left }) {
  const { document, navigator } = globalThis;
  const listen = (target, type, listener) => target?.addEventListener?.(type, listener, { signal });
  listen(globalThis, "online", () => changed("the network changed", { network: true }));
  listen(globalThis, "offline", () => changed("the network is gone", { offline: true }));
  listen(globalThis, "pagehide", left);
  listen(globalThis, "pageshow", ({ persisted }) => persisted && changed("the page was left for a while"));
  listen(document, "visibilitychange", () => document.hidden || changed("the connection broke in the background"));
  listen(document, "resume", () => changed("the page was frozen"));
  const connection = navigator?.connection;
  let type = connection?.type;
  listen(connection, "change", () => {
    if (type === connection.type) return;
    type = connection.type;
    changed("the network changed", { network: true });
  });
  watchClock(signal, () => changed("the machine was asleep"));
}

/** No event tells of a sleep, and timers stand still meanwhile; the clock does not. */
function watchClock(signal, slept) {
  let before = Date.now();
  const timer = setInterval(() => {
    const passed = Date.now() - before;
    before += passed;
    if (passed > LOOK_MS + SLEPT_MS && !globalThis.document?.hidden) slept();
  }, LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}
