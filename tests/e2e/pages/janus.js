// npm's janus.js as published, with what an application of it would write.
import Janus from "/npm/janus-gateway/npm/dist/janus.es.js";
import { Client } from "./client.js";

const initialised = new Promise((resolve) => Janus.init({ debug: ["warn", "error"], callback: resolve }));

// A session: window.janus.
window.createSession = async (server, token) => {
  await initialised;
  window.lost = [];
  window.janus = await new Promise((resolve, reject) => {
    const janus = new Janus({
      server,
      token,
      iceServers: [],
      success: () => resolve(janus),
      error: (reason) => (window.janus ? window.lost.push(reason) : reject(new Error(reason))),
      destroyed: () => window.lost.push("destroyed"),
    });
  });
  return window.janus.getSessionId();
};

// A handle: window.handle, and window.notes of what its plugin and its peer connection said.
window.attach = (plugin) =>
  new Promise((resolve, reject) => {
    window.notes = { messages: [], data: [], hangup: null };
    window.janus.attach({
      plugin,
      success: (handle) => {
        window.handle = handle;
        window.client = new Client((text) => handle.data({ text }));
        resolve(handle.getId());
      },
      error: (reason) => reject(new Error(reason)),
      onmessage: (message, jsep) => {
        window.notes.messages.push(message);
        if (jsep?.type === "answer") window.handle.handleRemoteJsep({ jsep });
        if (jsep?.type === "offer") window.answer(jsep);
      },
      webrtcState: (up, reason) => {
        if (!up) window.notes.hangup = reason ?? "";
      },
      ondataopen: (label) => window.opened?.(label),
      ondata: (data, label) => {
        window.notes.data.push({ data, label });
        if (plugin === "aribridge.plugin.ari") window.client.receive(data);
      },
    });
  });

// The data channel: resolves to its label once it is open.
window.openChannel = (body) =>
  new Promise((resolve, reject) => {
    window.opened = resolve;
    window.handle.createOffer({
      tracks: [{ type: "data" }],
      success: (jsep) => window.handle.send({ message: body, jsep }),
      error: reject,
    });
  });

// Takes the gateway's offer, and sends the answer with a message: window.answering.
window.answer = (jsep) =>
  window.handle.createAnswer({
    jsep,
    tracks: [{ type: "data" }],
    success: (jsep) => window.handle.send({ message: window.answering, jsep }),
    error: (why) => console.error("no answer", why),
  });

// A message that the plugin answers at once; resolves to the answer.
window.ask = (message) =>
  new Promise((resolve, reject) =>
    window.handle.send({ message, success: resolve, error: (why) => reject(new Error(why)) }),
  );

// Claims the session after its connection was lost.
window.reclaim = () =>
  new Promise((resolve, reject) => window.janus.reconnect({ success: resolve, error: (why) => reject(new Error(why)) }));

window.destroySession = () =>
  new Promise((resolve, reject) =>
    window.janus.destroy({ notifyDestroyed: false, success: resolve, error: (why) => reject(new Error(why)) }),
  );

// One request on a WebSocket of its own, without janus.js; resolves to its answer.
window.rawJanus = (url, request) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, "janus-protocol");
    socket.onopen = () => socket.send(JSON.stringify(request));
    socket.onmessage = ({ data }) => {
      resolve(JSON.parse(data));
      socket.close();
    };
  });

window.pageReady = true;
