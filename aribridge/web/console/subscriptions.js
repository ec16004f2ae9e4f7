import { $, h } from "./dom.js";

const KINDS = [
  ["channel_ids", "channels"],
  ["bridge_ids", "bridges"],
  ["endpoint_ids", "endpoints"],
  ["device_names", "devices"],
];

/** What is and isn't subscribed: our view of each target's stream, and what Asterisk sends the gateway at all. */
export function startSubscriptions(bridge) {
  const rows = new Map(bridge.welcome.targets.map(({ name, app }) => [name, { app, upstream: "" }]));
  const render = () => $("subscriptions").replaceChildren(...[...rows].map(([target, row]) => item(target, row)));

  const look = async (target) => {
    const row = rows.get(target);
    try {
      row.upstream = upstream(await bridge.ari.applications.get({ applicationName: row.app }, { target }));
    } catch (error) {
      row.upstream = `what Asterisk sends is not known: ${error.message}`;
    }
    render();
  };

  setInterval(render, 1000);
  for (const target of rows.keys()) look(target);
  render();
  return {
    subscribed(target, subscription) {
      rows.get(target).subscription = subscription;
      render();
    },
    refused(target, error) {
      rows.get(target).error = error;
      render();
    },
    gap(target, { next }) {
      if (next === "live") look(target);
    },
  };
}

function item(target, { subscription, error, upstream: sent, app }) {
  const what = h("strong", {}, target);
  const line = error ? ` not subscribed: ${error.message}` : ` ${describe(subscription)}`;
  return h("li", {}, what, line, h("div", { className: "faint" }, sent && `Application ${app}: ${sent}`));
}

function describe(subscription) {
  if (!subscription?.position) return "subscribing …";
  const { state, position, gaps } = subscription;
  return `all events · ${state} · at ${position.seq} of ${position.epoch} · ${gaps || "no"} ${gaps === 1 ? "gap" : "gaps"}`;
}

/** An application's subscriptions in words; Asterisk names a subscription to all of a kind by an id with ALL in it. */
function upstream(application) {
  const words = KINDS.map(([key, kind]) => {
    const ids = application[key] ?? [];
    const isAll = ids.some((id) => id === "" || /ALL/.test(id));
    return [isAll, isAll ? `all ${kind}` : `${ids.length} ${kind}`, ids.length];
  });
  const yes = words.filter(([isAll, , some]) => isAll || some).map(([, text]) => text);
  const no = words.filter(([isAll, , some]) => !isAll && !some).map(([, text]) => text.replace("0 ", ""));
  return [yes.length && `Asterisk sends ${yes.join(", ")}`, no.length && `not ${no.join(", ")}`].filter(Boolean).join("; ");
}
