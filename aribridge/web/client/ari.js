import { Emitter } from "./emitter.js";

/**
 * The `ari` object: `ari.<resource>.<operation>(params, options)` by ARI's own names, and on/once/off by event type.
 *
 * `call(op, params, options)` runs an operation; `subscribe({onEvent})` is called once, when the first listener comes:
 * all listeners share one subscription to everything. `refused(error)` is told if there is none to be had.
 */
export function makeAri(call, subscribe, refused) {
  const events = new Emitter();
  let asked = false;
  let subscription = null;
  const onEvent = (event, meta) => {
    events.emit(event.type, event, meta);
    events.emit("*", event, meta);
  };
  const listen = (add) => (type, listener) => {
    events[add](type, listener);
    if (asked && subscription?.state !== "closed") return;
    [asked, subscription] = [true, null];
    subscribe({ onEvent }).then(
      (made) => (subscription = made),
      (error) => {
        asked = false;
        refused(error);
      },
    );
  };
  const own = { on: listen("on"), once: listen("once"), off: (type, listener) => events.off(type, listener) };
  return names((resource) => own[resource] ?? operations(call, resource));
}

function operations(call, resource) {
  return names((operation) => async (params, options) => {
    const { body } = await call(`${resource}.${operation}`, params, options);
    return body;
  });
}

/** An object that makes each property when it is asked for. Awaiting it is harmless: it has no `then`. */
function names(make) {
  return new Proxy({}, { get: (_, name) => (typeof name === "symbol" || name === "then" ? undefined : make(name)) });
}
