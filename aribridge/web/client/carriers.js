/**
 * What connects us to the gateway. A carrier is {kind, send(text), close(), healthy()}; it talks back through hooks:
 * received(text), lost(reason), and signal, which gives the attempt to open it up, with an error as its reason.
 */

import { AriError, failure } from "./errors.js";
import { giveUpOn } from "./waiting.js";

const PROTOCOL = "aribridge.v1";
const OUT_OF_REACH = "the gateway is out of reach";
const NOT_OPEN = "The data channel did not open: UDP to the gateway may be blocked.";
const NO_WEBRTC = 'There is no WebRTC here (no RTCPeerConnection): take carrier "auto" or "websocket".';
const DISCONNECTED_MS = 4_000; // ICE may recover by itself for this long

/** A data channel, signalled by one POST (docs/protocol.md, "Doors"). */
export async function openDataChannel(base, token, iceServers, hooks) {
  const [peer, channel] = makePeer(iceServers);
  channel.onmessage = ({ data }) => hooks.received(data);
  const inTime = giveUpOn(hooks.signal);
  const authorization = { Authorization: `Bearer ${token}` };
  let location = null;
  const close = () => {
    channel.onmessage = channel.onclose = peer.oniceconnectionstatechange = null;
    peer.close();
  };
  try {
    // The offer goes out without candidates: the gateway learns our address from our first check. That saves the time
    // for gathering, and lets the answer name the ICE servers that gathering is to use. Candidates follow for where the
    // gateway has to make the first check (Firefox makes none to a gateway on its own machine).
    const offer = await inTime(peer.createOffer());
    const headers = { ...authorization, "Content-Type": "application/sdp", Accept: "application/sdp" };
    const response = await post(new URL("v1/rtc", base), headers, offer.sdp, hooks.signal);
    location = resolved(response.headers.get("Location"), response.url);
    const told = linkedIceServers(response.headers.get("Link"));
    if (told.length) peer.setConfiguration({ iceServers: [...iceServers, ...told] });
    if (location) peer.onicecandidate = ({ candidate }) => trickle(location, authorization, candidate, hooks.signal);
    await inTime(peer.setLocalDescription(offer));
    await inTime(peer.setRemoteDescription({ type: "answer", sdp: await response.text() }));
    await inTime(opened(channel, NOT_OPEN), NOT_OPEN);
    peer.onicecandidate = null;
  } catch (error) {
    close();
    // A peer that was connected hears of the end by itself; this one might wait for a while.
    if (location) fetch(location, { method: "DELETE", headers: authorization, keepalive: true }).catch(() => {});
    throw asFailure("No data channel", error);
  }
  watchPeer(peer, channel, hooks.lost);
  return { kind: "datachannel", send: (text) => channel.send(text), close, healthy: () => isConnected(peer) };
}

/** A WebSocket, for where UDP is blocked and for servers. */
export async function openWebSocket(base, WebSocketClass, hooks) {
  if (!WebSocketClass) throw failure("unreachable", "There is no WebSocket here; hand one over as options.WebSocket.");
  const url = new URL("v1/ws", base);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = makeSocket(WebSocketClass, url);
  socket.onmessage = ({ data }) => hooks.received(data);
  const close = () => {
    socket.onmessage = socket.onclose = null;
    socket.close();
  };
  const detail = `No WebSocket to ${url}: is the gateway running, and this page's origin allowed?`;
  try {
    await giveUpOn(hooks.signal)(opened(socket, detail), detail);
  } catch (error) {
    close();
    throw error;
  }
  socket.onclose = ({ reason }) => hooks.lost(reason || "the WebSocket closed");
  return { kind: "websocket", send: (text) => socket.send(text), close, healthy: () => socket.readyState === 1 };
}

function makePeer(iceServers) {
  if (!globalThis.RTCPeerConnection) throw failure("unreachable", NO_WEBRTC);
  try {
    const peer = new RTCPeerConnection({ iceServers });
    return [peer, peer.createDataChannel(PROTOCOL)];
  } catch (error) {
    throw asFailure("No data channel", error);
  }
}

/** Pages of https may not open ws:// addresses: browsers throw then, instead of telling by an event. */
function makeSocket(WebSocketClass, url) {
  try {
    return new WebSocketClass(url.href, PROTOCOL);
  } catch (error) {
    throw asFailure(`No WebSocket to ${url}`, error);
  }
}

const asFailure = (what, error) =>
  error instanceof AriError ? error : failure("unreachable", `${what}: ${error.message}`, { retry: "after" });

function opened(carrier, detail) {
  return new Promise((resolve, reject) => {
    carrier.onopen = resolve;
    carrier.onerror = carrier.onclose = () => reject(failure("unreachable", detail, { retry: "after" }));
  });
}

function watchPeer(peer, channel, lost) {
  let timer;
  channel.onclose = () => lost("the data channel closed");
  peer.oniceconnectionstatechange = () => {
    clearTimeout(timer);
    if (peer.iceConnectionState === "failed") lost(OUT_OF_REACH);
    if (peer.iceConnectionState === "disconnected") {
      timer = setTimeout(() => peer.iceConnectionState === "disconnected" && lost(OUT_OF_REACH), DISCONNECTED_MS);
    }
  };
}

const isConnected = (peer) => ["connected", "completed"].includes(peer.iceConnectionState);

async function post(url, headers, body, signal) {
  const response = await fetch(url, { method: "POST", headers, body, signal });
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  const detail = said.detail ?? `${url} answered ${response.status}; is that a gateway's address?`;
  throw new AriError({ code: "refused", source: "gateway", ...said, detail, status: response.status });
}

/** Tell the gateway a candidate. Names in .local are of no use to it, and no harm is done if one does not arrive. */
function trickle(location, authorization, candidate, signal) {
  if (!candidate?.candidate || candidate.candidate.includes(".local ")) return;
  const headers = { ...authorization, "Content-Type": "application/json" };
  fetch(location, { method: "PATCH", headers, body: JSON.stringify(candidate), signal }).catch(() => {});
}

const resolved = (location, base) => (location ? new URL(location, base) : null);

/** ICE servers from a Link header (RFC 9725, section 4.6). */
function linkedIceServers(header) {
  const links = (header ?? "").matchAll(/<((?:stun|turn)s?:[^>]+)>((?:;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g);
  return [...links].map(([, urls, rest]) => {
    const quoted = [...rest.matchAll(/([\w-]+)="((?:[^"\\]|\\.)*)"/g)];
    const { username, credential } = Object.fromEntries(quoted.map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]));
    return username ? { urls, username, credential } : { urls };
  });
}
