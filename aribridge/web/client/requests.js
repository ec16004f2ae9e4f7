import { errorOf, failure } from "./errors.js";

const RESEND_MS = 240_000; // after the first sending; the gateway remembers keys for a little longer

/** Messages that want a reply: matches the replies to them, and keeps within the gateway's limits. */
export class Requests {
  /** The welcome's limits: frame in bytes, inflight. */
  limits = {};

  #write;
  #ids = 0;
  #pending = new Map(); // id → what to do with the reply
  #parts = new Map(); // id → the texts of a reply that comes in parts
  #queue = []; // commands over the limit of requests in flight
  #unsettled = []; // commands with a key whose replies were lost, to be sent again
  #inflight = 0;

  constructor(write) {
    this.#write = write;
  }

  /** Send a message at once, on another link than commands where one is given; resolves with its reply. */
  ask(message, link) {
    return new Promise((resolve, reject) => this.send(message, resolve, reject, { link }));
  }

  /** Send a command as soon as the gateway's limit leaves room; resolves with its reply. */
  command(message) {
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, resolve, reject });
      this.#release();
    });
  }

  /** There is a connection again; `known`: the gateway remembers the one before, and so the keys that came on it. */
  resume(known) {
    const again = [];
    for (const command of this.#unsettled.splice(0)) {
      command.isRepeated = known && isKeyKept(command);
      if (command.isRepeated) again.push(command);
      else command.reject(unknown("the gateway does not remember what it was sent"));
    }
    this.#queue.unshift(...again);
    this.#release();
  }

  /** Send a message at once. The callbacks run when its reply arrives, before anything that comes after it. */
  send(message, resolve, reject, { command, link } = {}) {
    const id = ++this.#ids;
    let text;
    try {
      text = JSON.stringify({ ...message, id });
    } catch (error) {
      return reject(failure("bad_message", `The message cannot be written as JSON: ${error.message}`));
    }
    const { frame = Infinity } = this.limits;
    if (text.length * 3 > frame && new TextEncoder().encode(text).length > frame) {
      return reject(failure("frame_too_large", `The message is larger than the gateway takes (${frame} bytes).`));
    }
    this.#pending.set(id, { resolve, reject, command });
    this.#write(text, link);
  }

  /** A reply, or a part of one, arrived. */
  received(message) {
    if (message.part !== undefined) return this.#part(message);
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    const error = errorOf(message);
    // A refusal before the gateway looked at the key says nothing of the first sending.
    if (waiting?.command?.isRepeated && isRefusedNow(message)) error.outcome = "unknown";
    if (error) waiting?.reject(error);
    else waiting?.resolve(message);
  }

  /** The connection is gone, and with it every reply that did not come; `final`: there will be no other. */
  drop(reason, final) {
    const [sent, unsent] = [[...this.#pending.values()], this.#queue.splice(0)];
    this.#pending.clear();
    this.#parts.clear();
    for (const waiting of sent) this.#lost(waiting, reason, final);
    for (const command of unsent) {
      if (command.isRepeated) this.#unsettled.push(command);
      else command.reject(lost(`before the command was sent: ${reason}`, "not_applied", "after"));
    }
    if (final) for (const { reject } of this.#unsettled.splice(0)) reject(unknown(reason));
  }

  /** A mark: what is sent from now on is later than it. */
  mark() {
    return this.#ids;
  }

  /** Is a reply missing to what was sent before the mark? */
  isWaiting(mark) {
    return [...this.#pending.keys()].some((id) => id <= mark);
  }

  /** The connection that carried all before the mark is gone; there is another already. */
  abandon(mark, reason) {
    for (const [id, waiting] of this.#pending) {
      if (id > mark) continue;
      this.#pending.delete(id);
      this.#lost(waiting, reason, true);
    }
  }

  /** Keep a command that can be sent again, and reject what cannot. */
  #lost({ reject, command }, reason, final) {
    if (final || !command?.message.key || !isKeyKept(command)) return reject(unknown(reason));
    this.#inflight -= 1;
    this.#unsettled.push(command);
  }

  #part({ id, text, last }) {
    const texts = [...(this.#parts.get(id) ?? []), text];
    if (!last) return this.#parts.set(id, texts);
    this.#parts.delete(id);
    this.received(JSON.parse(texts.join("")));
  }

  #release() {
    const { inflight = 16 } = this.limits;
    while (this.#inflight < inflight && this.#queue.length) {
      const command = this.#queue.shift();
      this.#inflight += 1;
      command.since ??= Date.now();
      this.send(command.message, this.#freeing(command.resolve), this.#freeing(command.reject), { command });
    }
  }

  #freeing(settle) {
    return (value) => {
      this.#inflight -= 1;
      settle(value);
      this.#release();
    };
  }
}

const isKeyKept = ({ since }) => Date.now() - since <= RESEND_MS;
const isRefusedNow = ({ error, replayed }) => error?.source === "gateway" && error.outcome === "not_applied" && !replayed;
const lost = (what, outcome, retry) => failure("connection_lost", `Connection lost ${what}.`, { outcome, retry });
const unknown = (reason) => lost(`before the reply came (the command may have run): ${reason}`, "unknown");
