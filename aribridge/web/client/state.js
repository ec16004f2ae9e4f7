import { guarded } from "./emitter.js";

const KINDS = ["channels", "bridges", "endpoints", "deviceStates", "playbacks", "recordings"];
const FLOWING = ["live", "replay"];

// Ids are the callers' to choose: without a prototype "__proto__" is an id like any other.
const none = () => Object.create(null);

/** The objects of one target as they are: `channels["1724.7"]`, `endpoints["PJSIP/200"]`; kept right by the gateway. */
export class CallState {
  /**
   * Whether it is all there, and goes on: not before the first snapshot, nor while the gateway has lost its Asterisk, nor
   * when an object was too large for a message, until a snapshot comes that has them all.
   */
  get live() {
    return this._whole && FLOWING.includes(this._subscription.state);
  }

  _subscription;
  _whole = false;
  #pages = null;
  #onChange;

  constructor(onChange) {
    for (const kind of KINDS) this[kind] = none();
    this.#onChange = onChange;
  }

  /** Stop following; the objects stay as they are. */
  close() {
    this._subscription.close();
  }

  /** Take one part of a snapshot; with the last one what was is replaced. Says whether that was the last. */
  _snapshot({ part, last, state }) {
    if (part === 1) this.#pages = none();
    if (!this.#pages) return false;
    for (const kind of KINDS) this.#pages[kind] = Object.assign(this.#pages[kind] ?? none(), state[kind]);
    if (!last) return false;
    Object.assign(this, this.#pages);
    this.#pages = null;
    this._whole = true;
    return true;
  }

  /** What comes next does not follow what came last: a snapshot that was not complete is void. */
  _interrupt(next, reason) {
    this.#pages = null;
    if (next === "snapshot" || reason === "event_too_large") this._whole = false;
  }

  _patch(changes) {
    for (const { kind, id, put, merge } of changes) {
      const objects = (this[kind] ??= none());
      if (put) objects[id] = put;
      else if (merge) objects[id] = merged(objects[id], merge);
      else delete objects[id];
    }
    this._changed(changes);
  }

  /** Tell the page: the changes as the gateway sent them, null where everything is new. */
  _changed(changes) {
    guarded(this.#onChange, this, changes);
  }
}

/** A value changed by a merge patch (RFC 7396); the old one stays as it is. */
function merged(value, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const members = new Map(Object.entries(isObject(value) ? value : {}));
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) members.delete(key);
    else members.set(key, merged(members.get(key), change));
  }
  return Object.fromEntries(members);
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
