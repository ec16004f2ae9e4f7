import { fetchCatalogue } from "./catalogue.js";
import { $, h } from "./dom.js";

const TONES = { open: "good", connecting: "warn", waiting: "warn", closed: "bad" };
const WORDS = { open: "connected", connecting: "connecting", waiting: "reconnecting", closed: "disconnected" };
const CARRIERS = { datachannel: "data channel", websocket: "WebSocket" };

/** The bar on top: the connection, each Asterisk, who we are and until when. */
export function startStatus(bridge, token) {
  const up = new Map(); // the version of each Asterisk that is there; empty where it is not known
  const render = () => $("status").replaceChildren(connection(bridge), ...targets(bridge, up), ...user(bridge));
  const welcomed = () => {
    up.clear();
    for (const target of bridge.welcome.targets) if (target.up) up.set(target.name, target.asterisk);
    render();
  };
  // The welcome came before it, or told of another version.
  const came = async (target) => {
    up.set(target, up.get(target) ?? "");
    render();
    const { version } = await fetchCatalogue(target, token).catch(() => ({}));
    if (version && up.has(target)) up.set(target, version);
    render();
  };
  bridge.on("state", ({ state }) => (state === "open" ? welcomed() : render()));
  setInterval(render, 10_000);
  welcomed();
  return {
    gap(target, { reason, next }) {
      if (next !== "wait" && (reason === "upstream_lost" || !up.has(target))) came(target);
      else if (reason === "upstream_lost") up.delete(target);
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
  return welcome.targets.map(({ name }) => {
    const isUp = up.has(name);
    const version = up.get(name);
    const title = isUp ? `Asterisk ${version}` : "The gateway has no link to this Asterisk; its log says why.";
    const text = isUp ? `${name} ${version}` : `${name} is down`;
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
