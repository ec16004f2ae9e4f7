// The native doors with nothing but the browser's own API.
import { Client } from "./client.js";

// POST /v1/rtc with an SDP offer, at once or with all candidates in it; resolves once the channel is open.
window.rtcOpen = async (gateway, token, gathered = false) => {
  const peer = (window.peer = new RTCPeerConnection());
  const channel = (window.channel = peer.createDataChannel("aribridge.v1"));
  const opened = new Promise((resolve, reject) => {
    channel.onopen = resolve;
    const failed = () => reject(new Error(`no data channel: ${peer.connectionState}, ICE ${peer.iceConnectionState}`));
    channel.onclose = failed;
    setTimeout(failed, 20_000);
  });
  opened.catch(() => {}); // whoever waits for it is told; after an earlier failure nobody does
  window.client = new Client((text) => channel.send(text));
  channel.onmessage = ({ data }) => window.client.receive(data);
  await peer.setLocalDescription();
  if (gathered) await new Promise((done) => (peer.onicecandidate = ({ candidate }) => candidate ?? done()));
  const response = await fetch(`${gateway}/v1/rtc`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
  await opened;
  return {
    location: new URL(response.headers.get("Location"), gateway).href,
    type: response.headers.get("Content-Type"),
  };
};

// WS /v1/ws; window.client speaks on it.
window.wsOpen = async (gateway) => {
  const socket = (window.socket = new WebSocket(`${gateway}/v1/ws`, "aribridge.v1"));
  window.client = new Client((text) => socket.send(text));
  socket.onmessage = ({ data }) => window.client.receive(data);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("the WebSocket did not open"));
  });
};

// A whole small call, for a browser that is told an address only: `plain.html#<JSON of {gateway, token}>`.
async function wholeCall({ gateway, token }) {
  // Firefox sends no check from its addresses to 127.0.0.1, but answers one from there: the gateway must know them.
  await window.rtcOpen(gateway, token, true);
  const info = await window.client.request("GET", "/asterisk/info");
  await window.client.subscribe(1);
  const made = await window.client.request("POST", "/channels", { endpoint: "Local/600@default" });
  await until(() => window.client.story(made.body.id).includes("StasisStart"));
  const gone = await window.client.request("DELETE", `/channels/${made.body.id}`);
  await until(() => window.client.story(made.body.id).includes("ChannelDestroyed"));
  window.peer.close();
  return { info: info.status, made: made.status, gone: gone.status, story: window.client.story(made.body.id) };
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const asked = decodeURIComponent(location.hash.slice(1));
if (asked) window.outcome = wholeCall(JSON.parse(asked));
window.pageReady = true;
