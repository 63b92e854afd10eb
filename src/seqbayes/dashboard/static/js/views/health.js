// The health of the stream in detail.

import { detailPath, get } from "../api.js";
import { band, line, linear } from "../charts/axis.js";
import { h, setAttribute, setText, svg, table } from "../dom.js";
import { downloads } from "../exports.js";
import { age, count, keyName, rate, span, things } from "../format.js";
import { sentence, sourceName } from "../shell.js";
import { Alerts } from "./alerts.js";
import { DeadLetters } from "./letters.js";
import { failure, loading } from "./state.js";

const CHART_SECONDS = 300; // seconds of event rates
const GAP_MS = 3000; // ms of silence that count as a gap

const STATUS_TEXTS = {
  stalled: "The source is stalled: it has made no progress for more than a second.",
  stopped: "The source has ended, or no runner is writing to the store.",
  silent: "The server has not sent any message for two seconds.",
  lost: "The connection to the server is lost. This page keeps retrying.",
  connecting: "Connecting.",
};

const VITALS = [
  ["rate", "Event rate", (health) => rate(health.rate), "current rate of events"],
  ["events", "Events", (health) => count(health.events), "total number of events"],
  ["lag", "Behind", (health) => count(health.lag), unread],
  [
    "commit_age",
    "Since commit",
    (health, live) => age(live.aged(health.commit_age)),
    "events since then are not stored yet",
  ],
  [
    "dead_letters",
    "Dead letters",
    (health) => count(health.dead_letters),
    "rejected events, stored with the reason",
  ],
  ["reconnects", "Reconnects", (health) => count(health.reconnects), "of the source"],
  ["clients", "Watching", (health) => count(health.clients), "pages and programs"],
  ["uptime", "Uptime", (health) => span(health.uptime), "of the server"],
];

/** The unit of the lag of a source. */
function unread({ source }) {
  const units = { file: "bytes", directory: "bytes", stdin: "bytes", http: "events", query: "rows" };
  const unit = units[source?.kind] ?? (source?.kind === "store" ? "" : "messages");
  return unit ? `${unit} unread in the source` : "unread events in the source, in its unit";
}

/** Describe a stream without problems. */
function well({ source, rate: speed, event_age: event, commit_age: commit, quiet }) {
  if (source?.mode === "replay") return "This server has no source; it replays stories.";
  const store = source?.mode === "store";
  const runs = store ? "A runner writes to this store" : "The source answers";
  if (rate(speed) !== "0/s") {
    const last = `the last commit was ${age(commit)} ago`;
    return `Events are arriving; ${commit === null ? "nothing is committed yet" : last}.`;
  }
  const ever = store ? "yet" : "since the server started";
  if (event === null) return `${runs}; no event has arrived ${ever}.`;
  const unexpected = quiet ? ", which is unusually long ago for this stream" : "";
  return `${runs}; no events are arriving at present; the last one arrived ${age(event)} ago${unexpected}.`;
}

const MANY_REFUSED = 0.01; // share of all events

const letters = (n) => things(n, "dead letter");

/** The heading of a stream that is read. */
function heading({ quiet, events, dead_letters: refused }) {
  if (quiet) return "Quiet";
  if (refused > MANY_REFUSED * events) return "Events are rejected";
  return refused > 0 ? letters(refused) : "No problems";
}

/** The number of dead letters and their share, if there are any, otherwise an empty string. */
function refusing({ events, dead_letters: refused }) {
  if (!(refused > 0)) return "";
  const percent = (100 * refused) / events;
  const shown = percent < 1 ? Number(percent.toPrecision(1)) : Math.round(percent);
  const part = refused > events ? ", some refused by several beliefs" : ` (${shown} %)`;
  const share = events ? ` of ${things(events, "event")}${part}` : "";
  return `There ${refused === 1 ? "is" : "are"} ${letters(refused)}${share}; the reasons are below.`;
}

let rates = []; // [ms, rate], kept between views; without a rate during a silence

/** The points between gaps. */
function stretches(points) {
  const found = [[]];
  for (const point of points)
    if (point[1] === null) found.push([]);
    else found.at(-1).push(point);
  return found;
}

export class Health {
  title = "Health";

  constructor(app) {
    this.app = app;
    this.element = h("div", { class: "health" });
    this.stop = new AbortController();
  }

  async mount() {
    this.element.replaceChildren(loading("Loading"));
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
    for (const type of ["state", "tick"])
      this.app.live.addEventListener(type, () => this.#draw(), { signal });
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
    this.plot = h("div", null, this.chart);
    this.letters = new DeadLetters(this.stop.signal);
    this.alerts = new Alerts(this.stop.signal);
    this.warnings = h("ul", { class: "warnings", "aria-label": "Warnings about beliefs" });
    this.warned = "";
    this.partitions = h("section", { class: "panel beliefs-table", hidden: true });
    this.listed = "";
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
      h("section", { class: "panel verdict" }, this.word, this.says, this.warnings),
      h(
        "dl",
        { class: "vitals" },
        ...VITALS.map(([name, title, , note]) =>
          h(
            "div",
            { class: "panel" },
            h("dt", null, title),
            this.values[name],
            h("dd", { class: "note" }, typeof note === "string" ? note : note(this.health)),
          ),
        ),
      ),
      h(
        "section",
        { class: "panel" },
        h("header", null, h("h2", null, "Event rate while this page was open"), this.most),
        this.plot,
        downloads("event rate", {
          element: () => this.plot,
          rows: () => [["time", "events per second"], ...rates.map(([at, speed]) => [new Date(at).toISOString(), speed])],
        }),
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
      this.partitions,
      this.alerts.element,
      this.letters.element,
    );
  }

  #take(health) {
    this.health = health;
    const at = Date.now();
    const missed = rates.length && at - rates.at(-1)[0] > GAP_MS ? [[at, null]] : [];
    if (typeof health.rate === "number")
      rates = [...rates, ...missed, [at, health.rate]].slice(-CHART_SECONDS);
    this.letters.follow(health.dead_letters);
    this.alerts.follow();
  }

  #warn(warnings) {
    const known = JSON.stringify(warnings);
    if (known === this.warned) return;
    this.warned = known;
    this.warnings.replaceChildren(
      ...warnings.map(({ belief, id, text }) => {
        const name = id === "[]" ? belief : `${belief} ${keyName(JSON.parse(id), belief)}`;
        return h("li", null, h("a", { href: detailPath(belief, id) }, name), `: ${text}`);
      }),
    );
  }

  /** Show who owns each partition of a group of runners. */
  #list(partitions) {
    const rows = partitions.map((each) => [
      each.partition,
      each.runner ?? "–",
      each.error ?? each.state,
      count(each.events),
      count(each.lag),
    ]);
    const known = JSON.stringify(rows);
    if (known === this.listed) return;
    this.listed = known;
    this.partitions.hidden = !rows.length;
    this.partitions.replaceChildren(
      h("header", null, h("h2", null, "Partitions")),
      table(
        "Partitions",
        [["Partition"], ["Runner"], ["State"], ["Events", "num"], ["Behind", "num"]],
        rows,
      ),
    );
  }

  #draw() {
    this.#list(this.health.partitions ?? []);
    this.#warn(this.health.warnings ?? []);
    const { state } = this.app.live;
    const now = state === "live" ? this.health.status : state;
    setText(
      this.word,
      {
        ok: heading(this.health),
        stalled: "Stalled",
        stopped: this.health.error ? "Stopped" : "Ended",
        silent: "No signal",
        lost: "Offline",
        connecting: "Connecting",
      }[now] ?? now,
    );
    const error = this.health.error && state === "live" ? ` ${sentence(this.health.error)}` : "";
    const { live } = this.app;
    const aged = { ...this.health, event_age: live.aged(this.health.event_age) };
    const lost = refusing(this.health) ? ` ${refusing(this.health)}` : "";
    setText(this.says, (now === "ok" ? well(aged) : (STATUS_TEXTS[now] ?? "")) + lost + error);
    for (const [name, , say] of VITALS) setText(this.values[name], say(this.health, live));
    if (rates.length < 2) return;
    const xs = rates.map(([at]) => at);
    const ys = rates.map(([, speed]) => speed);
    const known = ys.filter((speed) => speed !== null);
    const top = Math.max(...known, 1e-9);
    const sx = linear([xs[0], xs.at(-1)], [0, 800]);
    const sy = linear([0, top * 1.1], [119, 3]);
    setAttribute(this.line, "d", line(xs, ys, sx, sy));
    const areas = stretches(rates).map((points) => {
      const [at, speeds] = [points.map(([x]) => x), points.map(([, y]) => y)];
      const floor = speeds.map(() => 0);
      return band(at, floor, speeds, sx, sy);
    });
    setAttribute(this.band, "d", areas.join(""));
    setText(this.most, `${rate(Math.min(...known))} to ${rate(top)}`);
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
