/** The console: signs in, then puts the panels on one connection. */

import { connect } from "../aribridge.js";
import { startCalls } from "./calls.js";
import { $ } from "./dom.js";
import { startEvents } from "./events.js";
import { startKeys } from "./keys.js";
import { startOperations } from "./operations.js";
import { startStatus } from "./status.js";
import { startSubscriptions } from "./subscriptions.js";
import { startTheme } from "./theme.js";
import { dropToken, hasToken, keepToken, takeToken } from "./token.js";

let isOpened = false;

startTheme();
startKeys();
$("sign-in-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const token = $("token").value.trim();
  if (isOpened) restart(token);
  else signIn(token);
});
$("sign-out").addEventListener("click", () => {
  dropToken();
  location.reload();
});

// A link to where the page is open already loads nothing by itself.
addEventListener("hashchange", () => hasToken() && location.reload());

const kept = takeToken();
if (kept) await signIn(kept);
else askForToken("");

async function signIn(token) {
  const button = $("sign-in-form").querySelector("button");
  button.disabled = true;
  try {
    const bridge = await connect({ token });
    keepToken(token);
    open(bridge, token);
  } catch (error) {
    if (error.status === 401) dropToken();
    askForToken(error.message);
  } finally {
    button.disabled = false;
  }
}

/** The panels are put on a connection once; another one finds them fresh. */
function restart(token) {
  keepToken(token);
  location.reload();
}

function askForToken(reason) {
  $("console").hidden = true;
  $("sign-in").hidden = false;
  $("sign-in-error").textContent = reason;
  $("token").focus();
}

function open(bridge, token) {
  isOpened = true;
  $("sign-in").hidden = true;
  $("console").hidden = false;
  $("sign-out").hidden = false;
  bridge.on("state", ({ state, reason }) => {
    $("console").classList.toggle("stale", state !== "open");
    if (state === "closed") askForToken(`Disconnected: ${reason}`);
  });
  const events = startEvents();
  const calls = startCalls(bridge);
  const listeners = [events, calls, startSubscriptions(bridge), startStatus(bridge, token), startOperations(bridge, token)];
  for (const { name } of bridge.welcome.targets) subscribe(bridge, name, listeners);
}

/** Hand everything that happens on a target to the panels. */
async function subscribe(bridge, target, listeners) {
  const tell = (what, ...values) => listeners.forEach((listener) => listener[what]?.(target, ...values));
  try {
    const onEvent = (event) => tell("event", event);
    tell("subscribed", await bridge.subscribe({ target, onEvent, onGap: (gap) => tell("gap", gap) }));
  } catch (error) {
    tell("refused", error);
  }
}
