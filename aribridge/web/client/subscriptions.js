import { guarded } from "./emitter.js";
import { failure } from "./errors.js";

const HOLES = 3; // breaks of one subscription's chain in a row, after which the connection itself is distrusted
const LATER_MS = 1_000; // where a refusal for the moment does not say for how long

/** One filtered view of a target's events, kept over lost connections. */
export class Subscription {
  /** Where we are in the stream, {epoch, seq}; null before the first reply. */
  position = null;
  /** How often events were missed. */
  gaps = 0;
  /** "pending", "live", "replay", "snapshot" (one is coming), "wait" (the target is away) or "closed" */
  state = "pending";

  _sub = 0;
  _holes = 0;
  _wasLive = false;
  #close;

  constructor({ filter = {}, target, onEvent, onGap, callState }, close) {
    Object.assign(this, { filter, target, onEvent, onGap, _callState: callState });
    if (callState) callState._subscription = this;
    this.#close = close;
    this._live = new Promise((resolve, reject) => Object.assign(this, { _resolve: resolve, _reject: reject }));
    this._live.catch(() => {});
  }

  /** Stop receiving. */
  close() {
    this.#close(this);
  }
}

/** All subscriptions of a bridge: placed on each new connection, checked for holes. */
export class Subscriptions {
  #requests;
  #hooks;
  #all = new Set();
  #bySub = new Map();
  #subs = 0;

  /** Hooks: gap(gap); refused(error), of one that was live before; distrust(reason). */
  constructor(requests, hooks) {
    this.#requests = requests;
    this.#hooks = hooks;
  }

  get list() {
    return [...this.#all];
  }

  /** Keep a subscription; it is live when its `_live` resolves. */
  add(options, connected) {
    const subscription = new Subscription(options, (it) => this.#close(it));
    this.#all.add(subscription);
    if (connected) this.#place(subscription);
    return subscription;
  }

  /** There is a new connection: take up every subscription where it left off. */
  resume() {
    for (const subscription of this.#all) this.#place(subscription);
  }

  /** The connection is gone; the subscriptions wait for the next. */
  drop() {
    this.#bySub.clear();
    for (const subscription of this.#all) subscription.state = "pending";
  }

  /** There will be no connection any more. */
  end(error) {
    for (const subscription of this.#all) this.#forget(subscription, error);
  }

  event({ sub, epoch, seq, prev, data }) {
    const subscription = this.#follow(sub, epoch, seq, prev);
    if (subscription) guarded(subscription.onEvent, data, { target: subscription.target, epoch, seq, subscription });
  }

  patch({ sub, epoch, seq, prev, changes }) {
    this.#follow(sub, epoch, seq, prev)?._callState._patch(changes);
  }

  snapshot({ sub, epoch, seq, ...page }) {
    const subscription = this.#bySub.get(sub);
    if (!subscription?._callState._snapshot(page)) return;
    subscription.position = { epoch, seq };
    subscription.state = "live";
    subscription._resolve(subscription);
    subscription._callState._changed(null);
  }

  gap({ sub, was, now, reason, next }) {
    const subscription = this.#bySub.get(sub);
    if (!subscription) return;
    subscription.position = now;
    subscription.state = next;
    if (next !== "wait") subscription.gaps += 1;
    subscription._callState?._interrupt(next, reason);
    const gap = { was, now, reason, next, subscription };
    guarded(subscription.onGap, gap);
    this.#hooks.gap(gap);
  }

  /** A ping says how far each subscription is brought up: nothing that passes its filter happened until there. */
  broughtUp(positions = {}) {
    for (const [sub, position] of Object.entries(positions)) {
      const subscription = this.#bySub.get(Number(sub));
      if (subscription) subscription.position = position;
    }
  }

  /** The subscription of an event or patch that follows where it stands; else undefined, and it is mended. */
  #follow(sub, epoch, seq, prev) {
    const subscription = this.#bySub.get(sub);
    if (!subscription?.position) return undefined;
    if (subscription.position.epoch !== epoch || subscription.position.seq !== prev) return this.#mend(subscription);
    subscription.position = { epoch, seq };
    subscription._holes = 0;
    return subscription;
  }

  #place(subscription) {
    const sub = ++this.#subs;
    subscription._sub = sub;
    this.#bySub.set(sub, subscription);
    const { target, filter, position, _callState: callState } = subscription;
    // Nothing can follow on half a snapshot.
    const since = callState?._whole === false ? undefined : (position ?? undefined);
    const message = { type: "subscribe", sub, target, filter, since, mode: callState ? "state" : undefined };
    const current = () => subscription._sub === sub && this.#all.has(subscription);
    this.#requests.send(
      message,
      ({ body }) => current() && this.#placed(subscription, body),
      (error) => current() && this.#refused(subscription, error),
    );
  }

  #placed(subscription, { epoch, seq, mode }) {
    subscription.state = mode;
    subscription._wasLive = true;
    subscription.position = { epoch, seq };
    if (mode !== "snapshot") subscription._resolve(subscription);
  }

  #refused(subscription, error) {
    if (error.code === "connection_lost") return;
    if (subscription._wasLive && error.retry === "after") return this.#placeLater(subscription, error.afterMs || LATER_MS);
    this.#bySub.delete(subscription._sub);
    this.#forget(subscription, error);
    if (subscription._wasLive) this.#hooks.refused(error);
  }

  /** It cannot be had for the moment: ask again, if there is no other connection by then. */
  #placeLater(subscription, ms) {
    const sub = subscription._sub;
    setTimeout(() => {
      if (this.#bySub.get(sub) !== subscription) return;
      this.#bySub.delete(sub);
      this.#place(subscription);
    }, ms);
  }

  /** An event is missing: have the gateway send it again, or say that it cannot. */
  #mend(subscription) {
    subscription._holes += 1;
    if (subscription._holes > HOLES) return this.#hooks.distrust("events were missing again and again");
    this.#leave(subscription);
    this.#place(subscription);
  }

  #close(subscription) {
    if (!this.#all.has(subscription)) return;
    this.#forget(subscription, failure("closed", "The subscription was closed."));
    this.#leave(subscription);
  }

  #leave({ _sub: sub }) {
    const ignore = () => {};
    if (this.#bySub.delete(sub)) this.#requests.send({ type: "unsubscribe", sub }, ignore, ignore);
  }

  #forget(subscription, error) {
    subscription.state = "closed";
    this.#all.delete(subscription);
    subscription._reject(error);
  }
}
