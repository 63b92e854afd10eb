// The alerts that are pending or firing, and their messages.

import { detailPath, get } from "../api.js";
import { h, table } from "../dom.js";
import { ago, exact, exists, keyName, when } from "../format.js";

const MAX_ROWS = 25;
const MIN_RELOAD_MS = 5000; // ms between two loads
const ORDER = ["firing", "pending", "resolved"];
const MARKS = { firing: "▲", pending: "◔", resolved: "✓" };

export class Alerts {
  /** @param {AbortSignal} signal of the view that shows them */
  constructor(signal) {
    this.signal = signal;
    this.loaded = 0;
    this.total = h("p");
    this.body = h("div");
    this.element = h(
      "section",
      { class: "panel alerts" },
      h("header", null, h("h2", null, "Alerts"), this.total),
      this.body,
    );
    this.follow();
  }

  /** Reload if it is time. */
  async follow() {
    const now = Date.now();
    if (now - this.loaded < MIN_RELOAD_MS) return;
    this.loaded = now;
    try {
      this.#show(await get(`/api/alerts?limit=${MAX_ROWS}`, this.signal));
    } catch (error) {
      if (error.name !== "AbortError" && !this.known)
        this.body.replaceChildren(h("p", { class: "nothing" }, error.message));
    }
  }

  #show({ alerts, messages, waiting }) {
    const known = JSON.stringify([alerts, messages, waiting]);
    if (known === this.known) return;
    this.known = known;
    const firing = alerts.filter(({ status }) => status === "firing").length;
    this.total.replaceChildren(
      `${firing} firing${waiting ? `, ${waiting} ${waiting === 1 ? "message waits" : "messages wait"} for delivery` : ""}`,
    );
    if (!alerts.length && !messages.length) {
      const none = "No alert is pending or firing. Alerts are declared in the configuration, as [alert.NAME].";
      this.body.replaceChildren(h("p", { class: "nothing" }, none));
      return;
    }
    this.body.replaceChildren(
      ...(alerts.length ? [statuses(alerts)] : []),
      ...(messages.length ? [h("h3", null, "Messages, newest first"), log(messages)] : []),
    );
  }
}

const status = (text) =>
  h("span", { class: `alert-status ${text}` }, h("span", { "aria-hidden": "true" }, MARKS[text] ?? ""), ` ${text}`);

const named = (key) => (key?.length === 0 ? "–" : keyName(key, ""));

function statuses(alerts) {
  const sorted = [...alerts].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || b.since - a.since);
  return table(
    "Alerts",
    [["Alert"], ["Status"], ["Key"], ["Since"], ["Value", "num"]],
    sorted.map((one) => [
      one.alert,
      status(one.status),
      named(one.key),
      when(one.since),
      exists(one.value) ? exact(one.value) : "–",
    ]),
  );
}

function delivery({ delivered, abandoned }) {
  if (abandoned) return `abandoned: ${abandoned}`;
  return exists(delivered) ? `delivered ${ago(delivered)}` : "waits";
}

function log(messages) {
  return table(
    "Messages of alerts",
    [["Alert"], ["Status"], ["Condition"], ["Key"], ["At"], ["Delivery"]],
    messages.map((one) => {
      const key = one.key && Object.values(one.key);
      const name = key?.length ? keyName(key, "") : "–";
      const link = one.belief && key ? h("a", { href: detailPath(one.belief, JSON.stringify(key)) }, name) : name;
      return [one.alert, status(one.status), h("code", null, one.condition), link, when(one.at), delivery(one)];
    }),
  );
}
