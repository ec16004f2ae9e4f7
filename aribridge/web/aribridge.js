/**
 * aribridge.js: ARI commands and live call events in a web page.
 *
 *     import { connect } from "https://gateway.example/aribridge.js";
 *     const { ari } = await connect({ token });
 *     ari.on("StasisStart", ({ channel }) => ari.channels.answer({ channelId: channel.id }));
 *
 * Without dependencies. Speaks the gateway's protocol v1 (docs/protocol.md) on a WebRTC data channel, or on a WebSocket
 * where that does not open. The types are in aribridge.d.ts.
 */

import { makeAri } from "./client/ari.js";
import { openDataChannel, openWebSocket } from "./client/carriers.js";
import { Emitter } from "./client/emitter.js";
import { AriError, failure, isRefusal } from "./client/errors.js";
import { backoff, LONGEST_TIMER_MS, watchSurroundings } from "./client/network.js";
import { Requests } from "./client/requests.js";
import { CallState } from "./client/state.js";
import { Subscriptions } from "./client/subscriptions.js";
import { currentToken } from "./client/token.js";
import { within } from "./client/waiting.js";

export { AriError };

const CHANNEL_MS = 3_000; // for a data channel to open, before the WebSocket is tried
const OPEN_MS = 10_000; // for the only carrier to open, and for the gateway's welcome
const CHANNEL_AGAIN_MS = { first: 60_000, most: 900_000 }; // until one is tried anew from a WebSocket
const LEFT_MS = 60_000; // for replies on the WebSocket that was left for a data channel
const PROBE_MS = 3_000; // for the gateway to answer after a change of network
const RENEW_BEFORE_S = 90; // before a token expires: in the background timers may be late by a minute
const RENEW_EVERY_S = 1; // at most, where the fresh token is no fresher than the last
const NO_SOCKET_EITHER = [401, 403, 404, 405]; // answers to the offer: we are not wanted, or that is no gateway
const NO_WELCOME = "the gateway did not answer the hello";
const REFUSALS = 3; // tokens refused in a row, after which asking for another is no use

/** Connect to a gateway. Resolves when it has let us in; from then on, lost connections are made anew. */
export async function connect(options = {}) {
  const bridge = new Bridge(options);
  await bridge._start();
  return bridge;
}

class Bridge {
  /** "connecting", "open", "waiting" (for the next attempt) or "closed" */
  state = "connecting";
  /** Why the state is what it is, in words. */
  reason = "";
  /** "datachannel", "websocket" or null */
  carrier = null;
  /** The gateway's welcome: user, targets, limits; null before the first. */
  welcome = null;
  /** When the token in use expires; null if it does not. */
  expiresAt = null;

  #options;
  #base;
  #link = null; // the open carrier
  #next = null; // the data channel that we want to move to
  #stay = () => {}; // gives that up
  #left = null; // the WebSocket that we moved from, until its replies are here
  #events = new Emitter();
  #requests = new Requests((text, link) => this.#write(text, link));
  #subscriptions = new Subscriptions(this.#requests, {
    gap: (gap) => this.#events.emit("gap", gap),
    refused: (error) => this.#report(error),
    distrust: (reason) => this.#lost(reason),
  });
  #timers = {};
  #goodbye = null;
  #refusals = 0;
  #socketOnly = false; // a data channel did not open on this network
  #channelTries = 0; // since then
  #wake = () => {}; // ends the pause between two attempts
  #ended = new AbortController();

  constructor(options) {
    this.#options = { carrier: "auto", iceServers: [], WebSocket: globalThis.WebSocket, ...options };
    this.#base = baseUrl(this.#options.url);
    this.ari = makeAri(
      (op, params, options) => this.call(op, params, options),
      (subscription) => this.subscribe(subscription),
      (error) => this.#report(error),
    );
  }

  /** Run an ARI operation by its id, such as "channels.hangup"; resolves with the whole reply. */
  call(op, params = {}, options = {}) {
    return this.#command({ op, params }, options);
  }

  /** Run an ARI operation by method and path, without /ari; resolves with the whole reply. */
  request(method, path, { query, body, ...options } = {}) {
    return this.#command({ method, path, query, body }, options);
  }

  /** Send data to the gateway's scripts; resolves with what their on_message returned. */
  async message(data) {
    const { body } = await this.#whenOpen({ type: "message", data });
    return body;
  }

  /** Receive those events of a target that pass a filter; resolves when they flow. */
  async subscribe(options = {}) {
    if (this.state === "closed") throw this.#closedError();
    const target = this.#options.target;
    return this.#subscriptions.add({ target, ...options }, this.state === "open")._live;
  }

  /**
   * Follow the state of calls: channels, bridges, endpoints and the rest, by id. Resolves when it is there (or the target
   * is away), and stays right from then on; `onChange(state, changes)` is called after each change.
   */
  async callState({ onChange, ...options } = {}) {
    const callState = new CallState(onChange);
    await this.subscribe({ ...options, callState });
    return callState;
  }

  /** The subscriptions that are kept. */
  get subscriptions() {
    return this.#subscriptions.list;
  }

  /** Listen to "state", "message", "gap", "goodbye" or "error". */
  on(type, listener) {
    this.#events.on(type, listener);
  }

  once(type, listener) {
    this.#events.once(type, listener);
  }

  off(type, listener) {
    this.#events.off(type, listener);
  }

  /** Leave for good. Commands still without a reply are rejected. */
  close() {
    this.#end("closed by the page");
  }

  // ---- commands ----

  #command(message, { timeout, lane, key, own, target = this.#options.target }) {
    const owning = own && { on_loss: own.onLoss, grace_ms: own.graceMs };
    return this.#whenOpen({ type: "request", ...message, timeout_ms: timeout, lane, key, own: owning, target });
  }

  async #whenOpen(message) {
    if (this.state === "open") return this.#requests.command(message);
    if (this.state === "closed") throw this.#closedError();
    throw failure("not_connected", "There is no connection at the moment; one is being made.", { retry: "after" });
  }

  #closedError() {
    return failure("closed", `The connection is closed: ${this.reason}.`);
  }

  // ---- the life of a connection ----

  async _start() {
    try {
      await this.#open();
    } catch (error) {
      this.#end(error.message);
      throw error;
    }
    const changed = (reason, kind) => this.#surroundingsChanged(reason, kind);
    watchSurroundings(this.#ended.signal, { changed, left: () => this.#closeLinks() });
  }

  async #open() {
    this.#set("connecting");
    const token = await currentToken(this.#options.token);
    if (this.#ended.signal.aborted) throw this.#closedError();
    const link = await this.#carry(token);
    if (this.#ended.signal.aborted) {
      link.close();
      throw this.#closedError();
    }
    this.#link = link;
    this.#welcomed(await this.#hello(link.kind === "websocket" ? token : undefined));
  }

  /** Open a carrier: the data channel first, unless it failed on this network before. */
  async #carry(token) {
    const { carrier, WebSocket } = this.#options;
    const auto = carrier === "auto";
    const socket = (hooks) => openWebSocket(this.#base, WebSocket, hooks);
    if (carrier === "websocket" || (auto && (this.#socketOnly || !globalThis.RTCPeerConnection))) {
      return this.#attempt(OPEN_MS, socket);
    }
    try {
      return await this.#channel(auto ? CHANNEL_MS : OPEN_MS, token);
    } catch (error) {
      if (!auto || NO_SOCKET_EITHER.includes(error.status) || this.#ended.signal.aborted) throw error;
    }
    const link = await this.#attempt(OPEN_MS, socket);
    this.#socketOnly = true;
    return link;
  }

  #channel(ms, token) {
    return this.#attempt(ms, (hooks) => openDataChannel(this.#base, token, this.#options.iceServers, hooks));
  }

  /** Give an attempt to open a carrier its time limit, and the carrier its ways to talk to us. */
  async #attempt(ms, open) {
    const abort = new AbortController();
    const late = `The connection could not be opened within ${ms / 1000} s.`;
    const stop = () => abort.abort(failure("unreachable", late, { retry: "after" }));
    const timer = setTimeout(stop, ms);
    this.#ended.signal.addEventListener("abort", stop);
    let link = null;
    const received = (frame) => this.#received(frame, link);
    const lost = (reason) => {
      if (link === this.#link) this.#lost(reason);
      else if (link === this.#next) this.#stay(new Error(reason));
    };
    try {
      return (link = await open({ signal: abort.signal, received, lost }));
    } finally {
      clearTimeout(timer);
      this.#ended.signal.removeEventListener("abort", stop);
    }
  }

  #closeLinks() {
    for (const link of [this.#link, this.#next, this.#left]) link?.close();
  }

  async #hello(token) {
    this.#deadline("liveness", OPEN_MS, NO_WELCOME);
    try {
      return await this.#present(this.#helloOf(token));
    } catch (error) {
      this.#drop(error.message);
      throw error;
    }
  }

  #helloOf(token) {
    return { type: "hello", token, features: ["batch", "parts"], resume: this.welcome?.connection };
  }

  #welcomed(welcome) {
    this.welcome = welcome;
    this.#requests.limits = welcome.limits;
    this.#refusals = 0;
    this.carrier = this.#link.kind;
    this.#renewIn(welcome.expires_in);
    this.#subscriptions.resume();
    if (this.#link) this.#requests.resume(welcome.resumed === true);
    if (!this.#link) throw failure("connection_lost", "The connection was lost as it began.", { retry: "after" });
    this.#set("open");
    this.#heard();
    this.#tryChannelLater();
  }

  /** The carrier is gone: settle what depended on it, and make another. */
  #lost(reason) {
    const wasOpen = this.state === "open";
    const why = this.#goodbye?.detail || reason;
    this.#drop(why);
    if (wasOpen) this.#reconnect(why);
  }

  #drop(reason) {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#closeLinks();
    this.#link = this.#next = this.#left = this.carrier = null;
    this.#subscriptions.drop();
    this.#requests.drop(reason, this.state === "closed");
  }

  // ---- from a WebSocket to the data channel that did not open at first ----

  #tryChannelLater() {
    if (this.carrier !== "websocket" || this.#options.carrier !== "auto" || !globalThis.RTCPeerConnection) return;
    const { first, most } = CHANNEL_AGAIN_MS;
    const ms = Math.min(most, first * 2 ** this.#channelTries) * (0.5 + Math.random() / 2);
    clearTimeout(this.#timers.channel);
    this.#timers.channel = setTimeout(() => this.#tryChannel(), ms);
  }

  async #tryChannel() {
    const socket = this.#link;
    this.#channelTries += 1;
    try {
      const channel = await this.#channel(CHANNEL_MS, await currentToken(this.#options.token));
      if (this.#link === socket) await this.#move(channel);
      else channel.close();
    } catch {
      if (this.#link === socket) this.#tryChannelLater();
    }
  }

  /** Go on by another carrier without a break, once it lets us in: what was sent before is answered on the old one. */
  async #move(channel) {
    const welcome = await this.#welcomeOn(channel);
    if (this.#next !== channel) return;
    const before = this.#requests.mark();
    [this.#left, this.#link, this.#next] = [this.#link, channel, null];
    [this.#socketOnly, this.#channelTries] = [false, 0];
    this.#subscriptions.drop();
    this.#timers.left = setTimeout(() => this.#leave(before), this.#requests.isWaiting(before) ? LEFT_MS : 0);
    this.#welcomed(welcome);
  }

  async #welcomeOn(channel) {
    this.#next = channel;
    const stay = new Promise((_, reject) => (this.#stay = reject));
    try {
      return await within(OPEN_MS, Promise.race([this.#requests.ask(this.#helloOf(), channel), stay]), NO_WELCOME);
    } catch (error) {
      channel.close();
      if (this.#next === channel) this.#next = null;
      throw error;
    }
  }

  #leave(before) {
    this.#left?.close();
    this.#left = null;
    this.#requests.abandon(before, "the WebSocket was left for a data channel");
  }

  async #reconnect(reason) {
    for (let attempt = 0; this.state !== "closed"; attempt += 1) {
      if (this.#mustStop()) return;
      this.#set("waiting", reason);
      await this.#pause(attempt);
      if (this.state === "closed") return;
      try {
        return await this.#open();
      } catch (error) {
        reason = error.message;
        if (isRefusal(error) && !this.#mayAskAgain(error)) return this.#end(reason);
      }
    }
  }

  /** Did the gateway say in its goodbye that another attempt is no use? */
  #mustStop() {
    const { reconnect, detail, slug } = this.#goodbye ?? {};
    const stop = reconnect === "never" || (reconnect === "reauth" && !this.#canRenew);
    if (stop) this.#end(detail || slug);
    return stop;
  }

  #mayAskAgain(error) {
    this.#refusals += 1;
    return error.status === 401 && this.#canRenew && this.#refusals < REFUSALS;
  }

  get #canRenew() {
    return typeof this.#options.token === "function";
  }

  #pause(attempt) {
    const delay = backoff(attempt) + (this.#goodbye?.after_ms ?? 0);
    this.#goodbye = null;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Try now where there is no connection, and see whether the present one survived. */
  #surroundingsChanged(reason, { network, offline } = {}) {
    if (network) [this.#socketOnly, this.#channelTries] = [false, 0];
    if (!offline) this.#wake();
    if (this.state !== "open") return;
    if (!this.#link.healthy()) return this.#lost(reason);
    if (network) this.#tryChannelLater();
    this.#deadline("probe", PROBE_MS, reason);
    this.#transmit({ type: "ping", t: Date.now() });
  }

  #end(reason) {
    if (this.state === "closed") return;
    this.#set("closed", reason);
    this.#ended.abort();
    this.#wake();
    this.#drop(reason);
    this.#subscriptions.end(this.#closedError());
  }

  #set(state, reason = "") {
    if (this.state === "closed") return;
    Object.assign(this, { state, reason });
    this.#events.emit("state", { state, reason, carrier: this.carrier });
  }

  #deadline(name, ms, reason) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => this.#lost(reason), ms);
  }

  // ---- the token ----

  #renewIn(seconds) {
    clearTimeout(this.#timers.renew);
    this.expiresAt = seconds == null ? null : new Date(Date.now() + seconds * 1000);
    if (seconds == null || !this.#canRenew) return;
    const ms = Math.max(seconds / 2, seconds - RENEW_BEFORE_S, RENEW_EVERY_S) * 1000;
    this.#timers.renew = setTimeout(() => this.#renew(), Math.min(ms, LONGEST_TIMER_MS));
  }

  async #renew() {
    const link = this.#link;
    try {
      const token = await currentToken(this.#options.token);
      if (this.#link !== link) return; // the next connection asks for a token of its own
      const { body } = await this.#present({ type: "auth", token });
      this.#renewIn(body?.expires_in);
    } catch (error) {
      if (this.#link !== link) return;
      this.#report(error);
      this.#renewIn((this.expiresAt - Date.now()) / 1000);
    }
  }

  /** Show a token; once more where the gateway has yet to fetch the key that it is signed with. */
  async #present(message) {
    const link = this.#link;
    try {
      return await this.#requests.ask(message);
    } catch (error) {
      if (error.retry !== "after" || !error.afterMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.afterMs));
      if (this.#link !== link) throw error;
      return this.#requests.ask(message);
    }
  }

  // ---- what comes and goes ----

  #handlers = {
    welcome: (message) => this.#requests.received(message),
    reply: (message) => this.#requests.received(message),
    event: (message) => this.#subscriptions.event(message),
    patch: (message) => this.#subscriptions.patch(message),
    snapshot: (message) => this.#subscriptions.snapshot(message),
    gap: (message) => this.#subscriptions.gap(message),
    message: ({ data }) => this.#events.emit("message", data),
    ping: ({ t, pos }, link) => {
      this.#subscriptions.broughtUp(pos);
      this.#transmit({ type: "pong", t }, link);
    },
    goodbye: (message, link) => {
      if (link && [this.#left, this.#next].includes(link)) return;
      this.#goodbye = message;
      this.#events.emit("goodbye", message);
    },
  };

  #received(frame, link) {
    this.#heard();
    const parsed = JSON.parse(frame);
    for (const message of Array.isArray(parsed) ? parsed : [parsed]) this.#handlers[message.type]?.(message, link);
  }

  /** Whatever arrives proves that the gateway lives; silence for longer than it pings means that it does not. */
  #heard() {
    if (this.state !== "open") return;
    const { every = 25, timeout = 10 } = this.welcome.ping ?? {};
    clearTimeout(this.#timers.probe);
    this.#deadline("liveness", (every + timeout) * 1000, "the gateway fell silent");
  }

  #transmit(message, link) {
    this.#write(JSON.stringify(message), link);
  }

  #write(text, link = this.#link) {
    try {
      link?.send(text);
    } catch (error) {
      this.#lost(`sending failed: ${error.message}`);
    }
  }

  /** An error that nobody waits for. */
  #report(error) {
    if (this.state === "closed") return;
    if (!this.#events.emit("error", error)) console.error(error);
  }
}

/** The gateway's address: the one given, or where this module came from. */
function baseUrl(url) {
  if (url === undefined && /^https?:/.test(import.meta.url)) return new URL(".", import.meta.url);
  if (/^https?:/.test(url)) return new URL(`${String(url).replace(/\/+$/, "")}/`);
  throw new TypeError('connect: give the gateway\'s address as url: "https://…"');
}
