// The least that a client of the protocol has to do, on whatever carries its frames.
export class Client {
  #send;
  #waiting = new Map();
  #parts = new Map();
  #next = 1;
  events = [];
  others = [];

  constructor(send) {
    this.#send = send;
  }

  // A message with an answer: resolves to the reply, errors included.
  ask(message) {
    const id = this.#next++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.#send(JSON.stringify({ ...message, id }));
    return answer;
  }

  request(method, path, query = {}) {
    return this.ask({ type: "request", method, path, query });
  }

  subscribe(sub, filter = {}) {
    return this.ask({ type: "subscribe", sub, filter });
  }

  // A frame that arrived.
  receive(text) {
    const said = JSON.parse(text);
    for (const message of Array.isArray(said) ? said : [said]) this.#take(message);
  }

  #take(message) {
    if (message.type === "event") this.events.push(message.data);
    else if (message.type === "ping") this.#send(JSON.stringify({ type: "pong", t: message.t }));
    else if ("part" in message && message.type === "reply") this.#collect(message);
    else if (this.#waiting.has(message.id)) this.#answer(message);
    else this.others.push(message);
  }

  #collect({ id, part, last, text }) {
    const texts = this.#parts.get(id) ?? [];
    texts.push(text);
    this.#parts.set(id, texts);
    if (texts.length !== part) this.others.push({ type: "part out of order", id, part });
    if (!last) return;
    this.#parts.delete(id);
    this.#answer({ ...JSON.parse(texts.join("")), parts: texts.length });
  }

  #answer(message) {
    this.#waiting.get(message.id)(message);
    this.#waiting.delete(message.id);
  }

  // What happened to a channel so far, by event type.
  story(channel) {
    return this.events.filter((event) => event.channel?.id === channel).map((event) => event.type);
  }
}
