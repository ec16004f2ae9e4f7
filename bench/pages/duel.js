// npm's janus.js as published, against the gateway and against Janus: the same page, the same messages.
import Janus from "/npm/janus-gateway/npm/dist/janus.es.js";
import { connect } from "/web/aribridge.js";

const initialised = new Promise((resolve) => Janus.init({ debug: ["error"], callback: resolve }));
const clients = [];
const HANDLES = 10; // of one session
let received = 0;
let wanted = null;

// One data channel: asks, and finds the reply by its id.
class Client {
  #send;
  #waiting = new Map();
  #next = 1;

  constructor(send) {
    this.#send = send;
  }

  ask(message) {
    const id = this.#next++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.#send(JSON.stringify({ ...message, id }));
    return answer;
  }

  take(text) {
    const said = JSON.parse(text);
    for (const message of Array.isArray(said) ? said : [said]) {
      if (message.type === "event") count();
      else if (message.type === "ping") this.#send(JSON.stringify({ type: "pong", t: message.t }));
      else {
        this.#waiting.get(message.id)?.(message);
        this.#waiting.delete(message.id);
      }
    }
  }
}

function count() {
  received += 1;
  if (wanted && received >= wanted.count) wanted.resolve();
}

function session(server, token) {
  return new Promise((resolve, reject) => {
    const janus = new Janus({ server, token, iceServers: [], success: () => resolve(janus), error: (why) => reject(new Error(why)) });
  });
}

function channel(janus, plugin, body) {
  return new Promise((resolve, reject) => {
    let handle;
    const client = new Client((text) => handle.data({ text }));
    janus.attach({
      plugin,
      success: (attached) => {
        handle = attached;
        handle.createOffer({
          tracks: [{ type: "data" }],
          success: (jsep) => handle.send({ message: body, jsep }),
          error: reject,
        });
      },
      error: (why) => reject(new Error(why)),
      onmessage: (_, jsep) => jsep && handle.handleRemoteJsep({ jsep }),
      ondataopen: () => resolve(Object.assign(client, { close: () => handle.detach() })),
      ondata: (text) => client.take(text),
    });
  });
}

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

// A refusal is quick: it must not count as an answer.
function accepted(answer) {
  if (answer.status !== 200) throw new Error(JSON.stringify(answer));
  return answer;
}

const ping = async (client, target = "pbx") =>
  accepted(await client.ask({ type: "request", method: "GET", path: "/asterisk/ping", target }));
const echo = async (client) => accepted(await client.ask({ type: "message", data: { echo: true } }));
const WORK = { ping, echo };

// Milliseconds from attach to an open data channel, one after the other; they stay open as clients.
window.open_ = async (server, token, plugin, body, howMany, hello) => {
  await initialised;
  const times = [];
  let janus;
  for (let i = 0; i < howMany; i++) {
    if (i % HANDLES === 0) janus = await session(server, token);
    times.push(await timed(async () => clients.push(await channel(janus, plugin, body))));
  }
  if (hello) for (const { subs } of await Promise.all(clients.map((client) => client.ask(hello)))) subs.forEach(accepted);
  return times;
};

// The same client, on aribridge.js.
window.connect_ = async (url, token, carrier) => {
  const bridge = await connect({ url, token, carrier });
  const ask = (message) =>
    message.type === "request"
      ? bridge.request(message.method, message.path, { target: message.target })
      : bridge.message(message.data);
  clients.push({ ask });
};

window.latencies = async (what, times, index = 0) => {
  const found = [];
  for (let i = 0; i < times; i++) found.push(await timed(() => WORK[what](clients[index])));
  return found;
};

// Answers a second with so many in flight.
window.rate = async (what, times, inflight) => {
  const worker = async () => {
    for (let i = 0; i < times / inflight; i++) await WORK[what](clients[0]);
  };
  const took = await timed(() => Promise.all(Array.from({ length: inflight }, worker)));
  return (1000 * times) / took;
};

// One client's request that takes long, and the latencies of another one's meanwhile.
window.besideSlow = async (times) => {
  const slow = timed(() => ping(clients[1], "slow"));
  const found = await window.latencies("ping", times);
  if ((await slow) < 1000) throw new Error("the slow request was quick");
  return found;
};

// Has a message sent to all clients, so often; resolves once all have come.
window.fanOut = async (order, each) => {
  received = 0;
  const all = new Promise((resolve) => (wanted = { count: each * clients.length, resolve }));
  accepted(await clients[0].ask({ type: "message", data: order }));
  await all;
  return received;
};

window.pageReady = true;
