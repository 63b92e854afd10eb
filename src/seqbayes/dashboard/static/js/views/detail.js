// One belief about one key, in full.

import { get, part, query } from "../api.js";
import { Fields } from "../charts/bars.js";
import { LABELS, drawn, swatch } from "../charts/density.js";
import { History } from "../charts/history.js";
import { predictive } from "../charts/predictive.js";
import { button, h, icon, setText } from "../dom.js";
import {
  ago,
  count,
  keyName,
  nameless,
  number,
  observation,
  parameter,
  probability,
  rate,
  scale,
  signed,
  visible,
} from "../format.js";
import { paint } from "../paint.js";
import { isPinned, togglePin } from "../prefs.js";
import { chartOf, faded } from "./card.js";
import { Rule } from "./rule.js";
import { failure, loading } from "./state.js";
import * as tables from "./tables.js";

const AGAIN = 1000; // ms between two loads of everything, while events come in
const PLOT_HEIGHT = 300;
const YOUNG = "Until it has begun to learn online, components may exchange their names.";
const UNTOLD = {
  estimator: "What an estimator says of the next observation depends on its features.",
};

export class Detail {
  watches = true;

  constructor(app, [name, id]) {
    Object.assign(this, { app, name, id });
    this.title = `${name} ${id}`;
    this.element = h("div", { class: "detail" });
    this.stop = new AbortController();
  }

  async mount() {
    this.element.replaceChildren(loading("Loading the belief"));
    try {
      const [{ beliefs }, data, health] = await Promise.all([
        get("/api/beliefs", this.stop.signal),
        this.#get(),
        get("/api/health", this.stop.signal),
      ]);
      this.store = health.source?.mode === "store";
      this.belief = beliefs.find((belief) => belief.name === this.name);
      this.data = data;
      this.told = Date.now();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.app.live.watch([]);
      this.element.replaceChildren(failure(error, () => this.mount()));
      return;
    }
    this.title = `${keyName(this.data.key, this.name)}, ${this.name}`;
    document.title = `${this.title} · seqbayes`;
    this.#build();
    this.#listen();
    this.#draw();
    this.#slow();
    this.app.live.watch([[this.name, this.id]]);
  }

  #get() {
    return get(`/api/beliefs/${part(this.name)}/${part(this.id)}`, this.stop.signal);
  }

  #build() {
    const { kind } = this.belief;
    const numeric = kind === "number" || kind === "normal";
    const stepwise = numeric || kind === "labels"; // Bayes' rule of the others is no four numbers
    this.chart = chartOf(this.belief.kind, true);
    this.history = new History();
    this.rule = new Rule();
    this.figures = h("dl", { class: "figures" });
    this.says = h("p", { class: "hint mono" });
    for (const slot of [
      "curve",
      "past",
      "predictive",
      "surprise",
      "recent",
      "steps",
      "dead",
      "parameters",
    ])
      this[slot] = h("div");
    this.curveTable = h("details", null, h("summary", null, "As a table"), this.curve);
    this.pastTable = h("details", null, h("summary", null, "As a table"), this.past);
    const panel = (title, note, ...children) =>
      h("section", { class: "panel" }, h("header", null, h("h2", null, title), note), ...children);
    const main = panel(
      "Belief",
      numeric ? this.#legend() : null,
      this.figures,
      this.chart.element,
      numeric ? this.curveTable : null,
    );
    this.pastTitle = h("h2", null, "History");
    const history = h(
      "section",
      { class: "panel" },
      h("header", null, this.pastTitle, this.history.tools),
      this.history.element,
      this.pastTable,
    );
    this.element.replaceChildren(
      this.#head(numeric),
      h(
        "div",
        { class: "columns" },
        h(
          "div",
          null,
          main,
          history,
          stepwise ? panel("Last steps of Bayes’ rule", null, this.steps) : null,
          panel(`Dead letters of ${this.name}`, h("p", null, "all keys"), this.dead),
        ),
        h(
          "div",
          null,
          stepwise ? panel("Bayes’ rule, last event", null, this.rule.element) : null,
          panel("Next observation", h("p", null, "predictive"), this.predictive),
          panel(
            "Surprise",
            h("p", null, "−log predictive of recent events"),
            this.surprise,
            this.recent,
          ),
          panel("Model", null, this.parameters, this.says),
        ),
      ),
    );
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(this.chart.element);
  }

  #fit() {
    const width = this.chart.element.clientWidth;
    if (width) this.chart.resize?.(width, PLOT_HEIGHT);
  }

  #legend() {
    const parts = drawn(this.store);
    return h(
      "ul",
      { class: "legend", "aria-label": "What is drawn" },
      ...parts.map((name) => {
        const switcher = h(
          "button",
          { type: "button", "aria-pressed": true },
          swatch(name),
          LABELS[name],
        );
        switcher.addEventListener("click", () => {
          const shown = switcher.getAttribute("aria-pressed") !== "true";
          switcher.setAttribute("aria-pressed", shown);
          this.chart.toggle(name, shown);
        });
        return h("li", null, switcher);
      }),
    );
  }

  #head(numeric) {
    const pin = button("", { onclick: () => mark(togglePin(this.name, this.id)) });
    const mark = (pinned) => {
      pin.replaceChildren(icon("star"), pinned ? "Pinned" : "Pin");
      pin.className = "button pin";
      pin.setAttribute("aria-pressed", pinned);
    };
    mark(isPinned(this.name, this.id));
    const compare = numeric
      ? h(
          "a",
          { class: "button", href: `/compare${query({ belief: this.name, keys: this.id })}` },
          icon("compare"),
          "Compare",
        )
      : null;
    this.seen = h("p", { class: "sub" });
    return h(
      "div",
      { class: "page-head" },
      h(
        "div",
        null,
        h(
          "nav",
          { class: "crumbs", "aria-label": "Breadcrumb" },
          h("a", { href: "/" }, "Beliefs"),
          "/",
          h("a", { href: `/beliefs/${part(this.name)}` }, this.name),
        ),
        h(
          "h1",
          { class: nameless(this.data.key) ? "nameless" : null },
          keyName(this.data.key, this.name),
        ),
        this.seen,
      ),
      h("div", { class: "actions" }, compare, pin),
    );
  }

  #listen() {
    const { signal } = this.stop;
    const { live } = this.app;
    live.addEventListener("cards", ({ detail }) => this.#patch(detail), { signal });
    live.addEventListener("step", ({ detail }) => this.#step(detail), { signal });
    live.addEventListener("resync", () => this.#load(), { signal });
    live.addEventListener("tick", () => this.#tick(), { signal });
  }

  #patch(cards) {
    const news = cards.find((card) => card.belief === this.name && card.id === this.id);
    if (!news) return;
    this.data = { ...this.data, ...news };
    this.told = Date.now();
    paint(this, () => this.#draw());
    this.pending ??= setTimeout(() => {
      this.pending = null;
      this.#load();
    }, AGAIN);
  }

  #step(step) {
    if (step.belief !== this.name || step.id !== this.id || typeof step.prior !== "number") return;
    this.data.steps = [...(this.data.steps ?? []), step].slice(-10);
    paint(this.rule, () => this.#bayes());
  }

  async #load() {
    try {
      this.data = await this.#get();
      this.told = Date.now();
    } catch (error) {
      if (error.name !== "AbortError") this.app.shell.say(error.message);
      return; // the banner tells of lost connections; what is shown stays
    }
    paint(this, () => {
      this.#draw();
      this.#slow();
    });
  }

  // What every event moves.
  #draw() {
    const card = this.data;
    this.#fit();
    this.chart.update(card, this.belief.family);
    this.#numbers(card);
    this.#tick();
  }

  #tick() {
    const { n, updated } = this.data;
    const speed = faded(this.data.rate, this.told);
    const model = [
      this.belief.prior,
      this.belief.likelihood,
      this.belief.half_life && `half-life ${this.belief.half_life}`,
    ];
    const now = [`n ${count(n)}`, speed ? rate(speed) : "idle", `last event ${ago(updated)}`];
    setText(this.seen, [...model.filter(Boolean), ...now].join(" · "));
  }

  #numbers(card) {
    const written = scale(this.belief.family, card.interval);
    const figures = [];
    const add = (name, text, sign, main) =>
      figures.push(
        h(
          "div",
          { class: main ? "main" : null },
          h("dt", null, sign ? swatch(sign) : null, name),
          h("dd", null, text),
        ),
      );
    const [first] = card.shares ?? [];
    if (first) {
      add(visible(first.label), probability(first.mean), "mean", true);
      if (first.interval)
        add(LABELS.interval, scale("Dirichlet", first.interval).range(first.interval), "interval");
    } else if (typeof card.mean === "number") {
      add("mean", written.text(card.mean), "mean", true);
      if (card.interval) add(LABELS.interval, written.range(card.interval), "interval");
      add("MAP", written.text(card.map), "map");
      add("MLE", written.text(card.mle), "mle");
      if (typeof card.variance?.mean === "number") add("variance", number(card.variance.mean));
    } else add("seen", count(card.n), null, true);
    if (typeof card.log_evidence === "number") add("log evidence", signed(card.log_evidence, 2));
    this.figures.replaceChildren(...figures);
  }

  #bayes() {
    const last = this.data.steps?.at(-1);
    const written = scale(this.belief.family, this.data.interval);
    const at =
      typeof last?.at === "number"
        ? ` at ${written.text(last.at)}`
        : Array.isArray(last?.at)
          ? ` at ${parameter(last.at)}`
          : "";
    this.rule.update(
      last,
      last
        ? `Observed ${observation(last.x)}: densities${at}, before and after.`
        : tables.untold(this.store),
    );
  }

  // What may lag a second behind.
  #slow() {
    const { data } = this;
    this.#bayes();
    this.steps.replaceChildren(tables.steps(data.steps, this.store));
    this.dead.replaceChildren(tables.deadLetters(data.dead_letters));
    this.#next(data.predictive);
    this.#surprises(data.recent ?? []);
    this.#model(data);
    if (data.history) {
      const { part: followed } = data.history; // of several numbers the one that it is about
      setText(this.pastTitle, followed ? `History of ${followed}` : "History");
      this.history.update(data.history, this.belief.family);
      if (this.pastTable.open)
        this.past.replaceChildren(
          tables.past(data.history, scale(this.belief.family, data.interval)),
        );
      this.pastTable.ontoggle ??= () => this.#slow();
    }
    if (data.density && this.curveTable.open) this.curve.replaceChildren(tables.curve(data));
    this.curveTable.ontoggle ??= () => this.#slow();
  }

  #model({ components, settled, prior, posterior, text }) {
    const known = prior || posterior;
    if (components?.length) this.parameters.replaceChildren(tables.components(components));
    else this.parameters.replaceChildren(known ? tables.parameters(prior, posterior) : "");
    // What a table says already need not be said again; of estimators there are several lines.
    const young = settled === false ? YOUNG : "";
    const lines = (components?.length ? young : (text ?? "")).split("\n");
    this.says.replaceChildren(...lines.flatMap((line, i) => (i ? [h("br"), line] : [line])));
  }

  #next(given) {
    if (given?.lines) {
      const fields = new Fields({ most: 24 });
      fields.update({ fields: given.lines });
      this.predictive.replaceChildren(fields.element);
    } else if (given) {
      const { mean, interval } = given;
      const written = scale("", interval);
      const said = [
        typeof mean === "number" && `mean ${written.text(mean)}`,
        interval && `${LABELS.interval} ${written.range(interval)}`,
      ].filter(Boolean);
      this.predictive.replaceChildren(
        predictive(given),
        said.length ? h("p", { class: "hint" }, said.join(", ")) : "",
      );
    } else {
      const why = UNTOLD[this.belief.kind] ?? "Nothing can be said of it before more is seen.";
      this.predictive.replaceChildren(h("p", { class: "nothing" }, why));
    }
  }

  #surprises(events) {
    if (!events.length) {
      this.surprise.replaceChildren(h("p", { class: "nothing" }, tables.untold(this.store)));
      this.recent.replaceChildren();
      return;
    }
    const values = events.map((event) => event.surprise ?? 0);
    const most = Math.max(...values, 1e-9);
    const sorted = [...values].sort((a, b) => a - b);
    const usual = sorted[Math.floor(0.9 * (sorted.length - 1))];
    const bars = values.map((value, i) => {
      const bar = h("i", {
        class: value > usual ? "high" : null,
        title: `${observation(events[i].x)}: ${number(value, 3)} nats`,
      });
      bar.style.height = `${Math.max(2, (100 * Math.max(0, value)) / most)}%`;
      return bar;
    });
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    this.surprise.replaceChildren(
      h(
        "div",
        {
          class: "surprise",
          role: "img",
          "aria-label": `Surprise of the last ${events.length} events: ${number(mean, 3)} nats on average, ${number(most, 3)} at most`,
        },
        ...bars,
      ),
      h("p", { class: "hint" }, `mean ${number(mean, 3)} nats, last ${number(values.at(-1), 3)}`),
    );
    const open = this.recent.firstChild?.open ?? false;
    const details = h("details", { open }, h("summary", null, "As a table"), tables.recent(events));
    this.recent.replaceChildren(details);
  }

  unmount() {
    this.stop.abort();
    clearTimeout(this.pending);
    this.watcher?.disconnect();
    this.history?.close();
  }
}
