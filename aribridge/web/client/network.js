const BACKOFF_MS = { first: 500, most: 15_000, hidden: 60_000 };
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How long to wait before an attempt: longer each time, by chance, and longer still while nobody looks. */
export function backoff(attempt) {
  const grown = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** attempt);
  const hidden = attempt > 0 && globalThis.document?.hidden;
  return (hidden ? BACKOFF_MS.hidden : grown) * (0.5 + Math.random() / 2);
}

export const isOffline = () => globalThis.navigator?.onLine === false;

/**
 * Tell of networks that come or change, and of the page being looked at again, until `signal` aborts.
 * (A connection's "change" event also tells of mere estimates of its speed; only another type is another network.)
 */
export function watchNetwork(signal, changed) {
  const { document, navigator } = globalThis;
  globalThis.addEventListener?.("online", () => changed("online"), { signal });
  document?.addEventListener("visibilitychange", () => document.hidden || changed("visible"), { signal });
  const connection = navigator?.connection;
  let type = connection?.type;
  const compare = () => {
    if (type === connection.type) return;
    type = connection.type;
    changed("network");
  };
  connection?.addEventListener?.("change", compare, { signal });
}
