import { $, h } from "./dom.js";

const TONES = { open: "good", connecting: "warn", waiting: "warn", closed: "bad" };
const WORDS = { open: "connected", connecting: "connecting", waiting: "reconnecting", closed: "disconnected" };
const CARRIERS = { datachannel: "data channel", websocket: "WebSocket" };

/** The bar on top: the connection, each Asterisk, who we are and until when. */
export function startStatus(bridge) {
  const up = new Map();
  const render = () => $("status").replaceChildren(connection(bridge), ...targets(bridge, up), ...user(bridge));
  const welcomed = () => {
    for (const target of bridge.welcome.targets) up.set(target.name, target.up);
    render();
  };
  bridge.on("state", ({ state }) => (state === "open" ? welcomed() : render()));
  setInterval(render, 10_000);
  welcomed();
  return {
    gap(target, { reason, next }) {
      if (reason === "upstream_lost") up.set(target, next !== "wait");
      render();
    },
  };
}

function connection({ state, reason, carrier }) {
  const more = state === "open" ? ` by ${CARRIERS[carrier]}` : reason && `: ${reason}`;
  return h("span", { className: `pill ${TONES[state]}` }, `${WORDS[state]}${more}`);
}

/** While the gateway is away nobody knows whether its Asterisks are there. */
function targets({ welcome, state }, up) {
  return welcome.targets.map(({ name, asterisk }) => {
    const isUp = up.get(name);
    const title = isUp ? `Asterisk ${asterisk}` : "The gateway has no link to this Asterisk; its log says why.";
    const text = isUp ? `${name} ${asterisk}` : `${name} is down`;
    const tone = isUp ? "good" : "bad";
    return h("span", { className: `pill ${state === "open" ? tone : ""}`, title }, text);
  });
}

function user({ welcome, expiresAt }) {
  const { sub, roles } = welcome.user;
  const who = h("span", { className: "pill plain", title: `Roles: ${roles.join(", ") || "none"}` }, sub);
  return expiresAt ? [who, expiry(expiresAt)] : [who];
}

function expiry(moment) {
  const minutes = Math.round((moment - Date.now()) / 60_000);
  const left = minutes >= 120 ? `${Math.round(minutes / 60)} h` : minutes >= 1 ? `${minutes} min` : "under a minute";
  const title = `The token expires ${moment.toLocaleString()}`;
  return h("span", { className: `pill plain ${minutes < 5 ? "warn" : ""}`, title }, `token: ${left} left`);
}
