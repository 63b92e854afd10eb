// How the stream fares: what the strip says, with room to explain.

import { get } from "../api.js";
import { band, line, linear } from "../charts/axis.js";
import { h, setAttribute, setText, svg, table } from "../dom.js";
import { age, count, rate, span } from "../format.js";
import { sentence, sourceName } from "../shell.js";
import { failure, loading } from "./state.js";

const KEPT = 300; // seconds of event rates

const SAYS = {
  stalled: "The source is stalled: no step was made for a second and more.",
  stopped: "The source has ended, or no run writes to the store.",
  silent: "Nothing was heard from the server for two seconds.",
  lost: "There is no connection to the server. This page keeps trying.",
  connecting: "Connecting.",
};

const VITALS = [
  ["rate", "Event rate", (health) => rate(health.rate), "events taken in, lately"],
  ["events", "Events", (health) => count(health.events), "taken in, all told"],
  ["lag", "Behind", (health) => count(health.lag), "what the source still holds, in its own units"],
  [
    "commit_age",
    "Since commit",
    (health) => age(health.commit_age),
    "what is younger is not yet durable",
  ],
  [
    "dead_letters",
    "Dead letters",
    (health) => count(health.dead_letters),
    "events refused, kept with the reason",
  ],
  ["reconnects", "Reconnects", (health) => count(health.reconnects), "of the source"],
  ["clients", "Watching", (health) => count(health.clients), "pages and programs"],
  ["uptime", "Uptime", (health) => span(health.uptime), "of the server"],
];

/** What is known of a stream that is well. */
function well({ source, rate: speed, event_age: event, commit_age: commit }) {
  if (source?.mode === "replay") return "This server has no source: it tells stories.";
  const store = source?.mode === "store";
  const runs = store ? "A run writes to this store" : "The source answers";
  if (rate(speed) !== "0/s") {
    const last = `the last commit was ${age(commit)} ago`;
    return `Events come in; ${commit === null ? "none is committed yet" : last}.`;
  }
  const ever = store ? "yet" : "since the server started";
  if (event === null) return `${runs}; no event came ${ever}.`;
  return `${runs}; no event comes now, the last one came ${age(event)} ago.`;
}

let rates = []; // [ms, rate], kept from view to view

export class Health {
  title = "Health";

  constructor(app) {
    this.app = app;
    this.element = h("div", { class: "health" });
    this.stop = new AbortController();
  }

  async mount() {
    this.element.replaceChildren(loading("Asking the server"));
    try {
      const [health, { beliefs, version }] = await Promise.all([
        get("/api/health", this.stop.signal),
        get("/api/beliefs", this.stop.signal),
      ]);
      this.health = health;
      this.#build(beliefs, version);
    } catch (error) {
      if (error.name !== "AbortError")
        this.element.replaceChildren(failure(error, () => this.mount()));
      return;
    }
    const { signal } = this.stop;
    this.app.live.addEventListener("health", ({ detail }) => this.#take(detail), { signal });
    this.app.live.addEventListener("state", () => this.#draw(), { signal });
    this.#draw();
  }

  #build(beliefs, version) {
    this.says = h("p", { class: "soft" });
    this.word = h("h2");
    this.values = Object.fromEntries(VITALS.map(([name]) => [name, h("dd")]));
    this.band = svg("path", { class: "p-fill" });
    this.line = svg("path", { class: "p-line" });
    this.most = h("p");
    this.chart = svg(
      "svg",
      {
        class: "lines",
        role: "img",
        "aria-label": "Event rate",
        viewBox: "0 0 800 120",
        preserveAspectRatio: "none",
        width: "100%",
        height: 120,
      },
      this.band,
      this.line,
    );
    const rows = beliefs.map((belief) => [
      belief.name,
      belief.prior,
      belief.likelihood ?? "–",
      belief.by?.join(", ") || "–",
      belief.half_life ?? "–",
      count(belief.keys),
    ]);
    this.element.replaceChildren(
      h(
        "div",
        { class: "page-head" },
        h(
          "div",
          null,
          h("h1", null, "Health"),
          h(
            "p",
            { class: "sub" },
            `${sourceName(this.health.source) || "No source"} · seqbayes ${version ?? ""}`,
          ),
        ),
      ),
      h("section", { class: "panel verdict" }, this.word, this.says),
      h(
        "dl",
        { class: "vitals" },
        ...VITALS.map(([name, title, , note]) =>
          h(
            "div",
            { class: "panel" },
            h("dt", null, title),
            this.values[name],
            h("dd", { class: "note" }, note),
          ),
        ),
      ),
      h(
        "section",
        { class: "panel" },
        h("header", null, h("h2", null, "Event rate while this page was open"), this.most),
        this.chart,
      ),
      h(
        "section",
        { class: "panel beliefs-table" },
        h("header", null, h("h2", null, "Beliefs")),
        table(
          "Beliefs",
          [["Name"], ["Prior"], ["Likelihood"], ["By"], ["Half-life"], ["Keys", "num"]],
          rows,
        ),
      ),
    );
  }

  #take(health) {
    this.health = health;
    if (typeof health.rate === "number") rates = [...rates, [Date.now(), health.rate]].slice(-KEPT);
    this.#draw();
  }

  #draw() {
    const { state } = this.app.live;
    const now = state === "live" ? this.health.status : state;
    setText(
      this.word,
      {
        ok: "All is well",
        stalled: "Stalled",
        stopped: "Stopped",
        silent: "No signal",
        lost: "Offline",
        connecting: "Connecting",
      }[now] ?? now,
    );
    const error = this.health.error && state === "live" ? ` ${sentence(this.health.error)}` : "";
    setText(this.says, (now === "ok" ? well(this.health) : (SAYS[now] ?? "")) + error);
    for (const [name, , say] of VITALS) setText(this.values[name], say(this.health));
    if (rates.length < 2) return;
    const xs = rates.map(([at]) => at);
    const ys = rates.map(([, speed]) => speed);
    const top = Math.max(...ys, 1e-9);
    const sx = linear([xs[0], xs.at(-1)], [0, 800]);
    const sy = linear([0, top * 1.1], [119, 3]);
    setAttribute(this.line, "d", line(xs, ys, sx, sy));
    setAttribute(
      this.band,
      "d",
      band(
        xs,
        ys.map(() => 0),
        ys,
        sx,
        sy,
      ),
    );
    setText(this.most, `${rate(Math.min(...ys))} to ${rate(top)}`);
    setAttribute(
      this.chart,
      "aria-label",
      `Event rate: ${rate(ys.at(-1))} now, at most ${rate(top)}`,
    );
  }

  unmount() {
    this.stop.abort();
  }
}
