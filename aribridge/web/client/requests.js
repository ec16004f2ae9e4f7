import { errorOf, failure } from "./errors.js";

/** Messages that want a reply: matches the replies to them, and keeps within the gateway's limits. */
export class Requests {
  /** The welcome's limits: frame in bytes, inflight. */
  limits = {};

  #write;
  #ids = 0;
  #pending = new Map(); // id → what to do with the reply
  #parts = new Map(); // id → the texts of a reply that comes in parts
  #queue = []; // commands over the limit of requests in flight
  #inflight = 0;

  constructor(write) {
    this.#write = write;
  }

  /** Send a message at once; resolves with its reply. */
  ask(message) {
    return new Promise((resolve, reject) => this.send(message, resolve, reject));
  }

  /** Send a command as soon as the gateway's limit leaves room; resolves with its reply. */
  command(message) {
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, resolve, reject });
      this.#release();
    });
  }

  /** Send a message at once. The callbacks run when its reply arrives, before anything that comes after it. */
  send(message, resolve, reject) {
    const id = ++this.#ids;
    const text = JSON.stringify({ ...message, id });
    const { frame = Infinity } = this.limits;
    if (text.length * 3 > frame && new TextEncoder().encode(text).length > frame) {
      return reject(failure("frame_too_large", `The message is larger than the gateway takes (${frame} bytes).`));
    }
    this.#pending.set(id, { resolve, reject });
    this.#write(text);
  }

  /** A reply, or a part of one, arrived. */
  received(message) {
    if (message.part !== undefined) return this.#part(message);
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    const error = errorOf(message);
    if (error) waiting?.reject(error);
    else waiting?.resolve(message);
  }

  /** The connection is gone, and with it every reply that did not come. */
  drop(reason) {
    const [sent, unsent] = [[...this.#pending.values()], this.#queue.splice(0)];
    this.#pending.clear();
    this.#parts.clear();
    const lost = (when, outcome) => failure("connection_lost", `Connection lost ${when}: ${reason}.`, { outcome });
    for (const { reject } of sent) reject(lost("before the reply came (the command may have run)", "unknown"));
    for (const { reject } of unsent) reject(lost("before the command was sent", "not_applied"));
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
      const { message, resolve, reject } = this.#queue.shift();
      this.#inflight += 1;
      this.send(message, this.#freeing(resolve), this.#freeing(reject));
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
