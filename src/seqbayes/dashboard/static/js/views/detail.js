// All details of one key.

import { get, part, query } from "../api.js";
import { drawn, labelOf, swatch } from "../charts/density.js";
import { History, storedLevel } from "../charts/history.js";
import { chartOf, compares, isNumeric } from "../charts/kinds.js";
import { Marginals } from "../charts/marginals.js";
import { Surprise } from "../charts/surprise.js";
import { button, h, icon, setText } from "../dom.js";
import { downloads } from "../exports.js";
import { faded } from "../fade.js";
import {
  ago,
  count,
  keyName,
  measure,
  measureOf,
  nameless,
  observed,
  plain,
  rate,
  scale,
  visible,
} from "../format.js";
import { levelChoice, levelOf, parameter } from "../level.js";
import { paint } from "../paint.js";
import { isPinned, togglePin } from "../prefs.js";
import { figures } from "./figures.js";
import { next } from "./next.js";
import { Rule } from "./rule.js";
import { failure, loading } from "./state.js";
import * as tables from "./tables.js";

const AGAIN = 1000; // ms between two complete loads while events arrive
const PLOT_HEIGHT = 300;
const YOUNG = "The history of a mixture begins when its components have settled.";

export class Detail {
  watches = true;

  constructor(app, [name, id], search) {
    Object.assign(this, { app, name, id, level: levelOf(search) });
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
      this.receivedAt = Date.now();
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
    this.#watch();
  }

  #watch() {
    this.app.live.watch([[this.name, this.id]], parameter(this.level));
  }

  #selectLevel(level) {
    this.level = level;
    const asked = query({ level: parameter(level) });
    history.replaceState(history.state, "", `${location.pathname}${asked}`);
    this.#watch();
    this.#load();
  }

  #get() {
    const asked = query({ part: this.follows?.value, level: parameter(this.level) });
    return get(`/api/beliefs/${part(this.name)}/${part(this.id)}${asked}`, this.stop.signal);
  }

  #build() {
    const { kind, likelihood } = this.belief;
    this.numeric = isNumeric(kind);
    // For other kinds, Bayes' rule is not four numbers; a store does not keep individual events.
    this.stepwise = compares(kind) && !this.store;
    this.measure = measure(this.belief);
    this.formatObservation = observed(likelihood);
    this.chart = chartOf(kind, true);
    this.marginals = this.data.marginals ? new Marginals() : null;
    this.history = new History();
    this.stored = h("p", { class: "muted" });
    this.rule = new Rule();
    this.surprise = new Surprise(this.formatObservation);
    this.figures = h("dl", { class: "figures" });
    this.more = h("dl", { class: "figures" });
    this.details = h("details", null, h("summary", null, "Details"), this.more);
    this.says = h("p", { class: "hint mono" });
    this.warnings = h("p", { class: "hint warned", role: "status" });
    for (const slot of ["curve", "past", "predictive", "steps", "makers", "dead", "parameters", "quantiles"])
      this[slot] = h("div");
    this.curveTable = h("details", null, h("summary", null, "As a table"), this.curve);
    this.pastTable = h("details", null, h("summary", null, "As a table"), this.past);
    this.pastTitle = h("h2", null, "History");
    this.follows = this.#choice();
    this.element.replaceChildren(
      this.#head(),
      h("div", { class: "columns" }, this.#left(), this.#right()),
    );
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(this.chart.element);
  }

  #left() {
    const history = h(
      "section",
      { class: "panel" },
      h(
        "header",
        null,
        this.follows
          ? h("div", { class: "titled" }, this.pastTitle, h("label", { class: "select" }, this.follows))
          : this.pastTitle,
        this.history.tools,
      ),
      this.history.element,
      this.stored,
      this.pastTable,
      downloads(`${this.title} history`, {
        element: () => this.history.element,
        rows: () => this.#historyRows(),
      }),
    );
    return h(
      "div",
      null,
      panel(
        "Belief",
        this.numeric ? this.#legend() : null,
        this.figures,
        this.marginals?.element,
        this.chart.element,
        this.numeric ? this.curveTable : null,
        this.details,
        downloads(`${this.title} belief`, { element: () => this.chart.element, rows: () => this.#curveRows() }),
      ),
      history,
      this.stepwise ? panel("Last steps of Bayes’ rule", null, this.steps) : null,
      panel(`Dead letters of ${this.name}`, h("p", null, "all keys"), this.dead),
    );
  }

  #right() {
    return h(
      "div",
      null,
      this.stepwise ? panel("Bayes’ rule, last event", null, this.rule.element) : null,
      this.data.makers !== undefined && !this.store
        ? panel("Responsibilities", h("p", null, "Bayes’ rule, last event"), this.makers)
        : null,
      panel(
        "Next observation",
        h("p", null, "predictive"),
        this.predictive,
        this.quantiles,
        downloads(`${this.title} predictive`, {
          element: () => this.predictive,
          rows: () => this.#predictiveRows(),
        }),
      ),
      this.store
        ? null
        : panel(
            "Surprise",
            h("p", null, "−log predictive"),
            this.surprise.element,
            downloads(`${this.title} surprise`, {
              element: () => this.surprise.element,
              rows: () => this.#surpriseRows(),
            }),
          ),
      panel("Model", null, this.parameters, this.says),
      this.store
        ? h(
            "p",
            { class: "hint" },
            "A store does not keep individual events: ",
            h("code", { class: "mono" }, "seqbayes serve CONFIG"),
            " shows individual events with their surprise and effect.",
          )
        : null,
    );
  }

  /* The numbers of the charts. */

  #curveRows() {
    const { density, shares, fields, components } = this.data;
    if (!density) {
      const rows = (shares ?? fields ?? components ?? []).map((each) => [
        each.label ?? each.name,
        each.mean ?? each.weight,
        ...(each.interval ?? [null, null]),
      ]);
      return [["name", "mean", `low ${this.data.level}`, `high ${this.data.level}`], ...rows];
    }
    const of = plain(this.measure);
    const at = (ys, i) => ys?.[i] ?? null;
    const { x, posterior, prior, likelihood } = density;
    const rows = x.map((value, i) => [of(value), posterior[i], at(prior, i), at(likelihood, i)]);
    return [["value", "posterior", "prior", "likelihood of the last event"], ...rows];
  }

  #historyRows() {
    const { history } = this.data;
    const of = plain(history.part ? measureOf(history) : this.measure);
    const rows = history.t.map((t, i) => [
      new Date(1000 * t).toISOString(),
      ...[history.mean, history.low, history.high].map((ys) => of(ys[i])),
    ]);
    const { level } = history;
    return [["time", history.part || "mean", `low ${level}`, `high ${level}`], ...rows];
  }

  #predictiveRows() {
    const { predictive: found } = this.data;
    if (!found || found.lines)
      return [["name", "mean"], ...(found?.lines ?? []).map(({ name, mean }) => [name, mean])];
    return [["observation", found.kind === "pdf" ? "density" : "probability"], ...found.x.map((x, i) => [x, found.p[i]])];
  }

  #surpriseRows() {
    const rows = (this.data.recent ?? []).map(({ at, x, surprise }) => [
      new Date(1000 * at).toISOString(),
      this.formatObservation(x),
      surprise,
    ]);
    return [["time", "observation", "surprise in nats"], ...rows];
  }

  // The selected number whose history is shown.
  #choice() {
    const { parts, history } = this.data;
    if (!(parts?.length > 1)) return null;
    const options = parts.map((name) => h("option", { value: name }, visible(name)));
    const choice = h("select", { "aria-label": "History of", onchange: () => this.#load() }, ...options);
    choice.value = history.part;
    return choice;
  }

  #fit() {
    const width = this.chart.element.clientWidth;
    if (width) this.chart.resize?.(width, PLOT_HEIGHT);
  }

  // The name of a part of the chart; that of the interval changes with its level.
  #named(part) {
    if (part !== "interval") return labelOf(part);
    this.intervalName = h("span", null, labelOf(part, this.level));
    return this.intervalName;
  }

  #legend() {
    const parts = drawn(this.store);
    return h(
      "ul",
      { class: "legend", "aria-label": "Curves" },
      ...parts.map((name) => {
        const switcher = h(
          "button",
          { type: "button", "aria-pressed": true },
          swatch(name),
          name === "mean" ? scale(this.measure).mean : this.#named(name),
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

  #head() {
    const pin = button("", { onclick: () => mark(togglePin(this.name, this.id)) });
    const mark = (pinned) => {
      pin.replaceChildren(icon("star"), pinned ? "Pinned" : "Pin");
      pin.className = "button pin";
      pin.setAttribute("aria-pressed", pinned);
    };
    mark(isPinned(this.name, this.id));
    const compare = this.numeric
      ? h(
          "a",
          { class: "button", href: `/compare${query({ belief: this.name, keys: this.id })}` },
          icon("compare"),
          "Compare",
        )
      : null;
    this.seen = h("p", { class: "sub" });
    const { description } = this.belief;
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
        this.warnings,
        description ? h("p", { class: "hint" }, description) : null,
      ),
      h(
        "div",
        { class: "actions" },
        levelChoice(this.level, (level) => this.#selectLevel(level)),
        compare,
        pin,
      ),
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
    this.receivedAt = Date.now();
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
      this.receivedAt = Date.now();
    } catch (error) {
      if (error.name !== "AbortError") this.app.shell.say(error.message);
      return; // the banner reports lost connections; the content is kept
    }
    paint(this, () => {
      this.#draw();
      this.#slow();
    });
  }

  // Parts that change with every event.
  #draw() {
    const card = this.data;
    this.#fit();
    this.chart.update(card, this.measure);
    if (this.intervalName) setText(this.intervalName, labelOf("interval", card.level));
    const [main, more] = figures(card, this.measure, this.belief);
    this.figures.replaceChildren(...main);
    if (!this.more.querySelector(":popover-open")) this.more.replaceChildren(...more);
    this.details.hidden = !more.length;
    this.#tick();
  }

  #tick() {
    const { n, updated } = this.data;
    const speed = faded(this.data.rate, this.receivedAt);
    const model = [
      this.belief.title,
      this.belief.prior,
      this.belief.likelihood,
      this.belief.half_life && `half-life ${this.belief.half_life}`,
    ];
    const now = [`n ${count(n)}`, speed ? rate(speed) : "idle", `last event ${ago(updated)}`];
    setText(this.seen, [...model.filter(Boolean), ...now].join(" · "));
  }

  #bayes() {
    if (!this.stepwise) return;
    const last = this.data.steps?.at(-1);
    const written = scale(this.measure, this.data.interval);
    this.rule.update(
      last,
      last
        ? `Observed ${this.formatObservation(last.x)}: densities at ${tables.where(last, written)}, before and after.`
        : tables.NO_EVENTS,
    );
  }

  // Parts that may be a second late.
  #slow() {
    const { data } = this;
    const written = scale(this.measure, data.interval);
    this.#bayes();
    this.marginals?.update(data.marginals);
    if (this.stepwise)
      this.steps.replaceChildren(
        data.steps?.length
          ? tables.steps(data.steps, written, this.formatObservation)
          : tables.nothing(tables.NO_EVENTS),
      );
    this.makers.replaceChildren(
      ...(data.makers
        ? tables.makers(data.makers, this.formatObservation)
        : [tables.nothing(tables.NO_EVENTS)]),
    );
    this.dead.replaceChildren(tables.deadLetters(data.dead_letters));
    this.predictive.replaceChildren(...next(data.predictive, this.belief, data.level));
    this.quantiles.replaceChildren(tables.quantiles(data.quantiles, this.belief, data.level));
    if (!this.store) this.surprise.update(data.recent ?? []);
    this.#model(data);
    if (data.history) this.#past(data.history);
    setText(this.warnings, (data.warnings ?? []).join(" "));
    if (data.density && this.curveTable.open)
      this.curve.replaceChildren(tables.curve(data, written));
    this.curveTable.ontoggle ??= () => this.#slow();
  }

  #past(history) {
    const measured = history.part ? measureOf(history) : this.measure;
    // the selected one of several numbers
    const followed = history.part ?? (measured === "log" ? "the median" : null);
    const named = this.follows ? "History of" : `History of ${followed}`;
    setText(this.pastTitle, followed ? named : "History");
    const written = scale(measured, this.data.interval);
    const young = this.data.settled === false ? YOUNG : undefined;
    this.history.update([history], measured, { marks: this.data.marks, none: young });
    setText(this.stored, storedLevel([history], this.level));
    if (this.pastTable.open) this.past.replaceChildren(tables.past(history, written));
    this.pastTable.ontoggle ??= () => this.#slow();
  }

  #model({ components, start, prior, posterior, text, level }) {
    const known = prior || posterior;
    if (components?.length) this.parameters.replaceChildren(tables.components(components, level));
    else this.parameters.replaceChildren(known ? tables.parameters(prior, posterior) : "");
    // A table already shows this; estimators have several lines.
    const lines = (components?.length ? young(components, start) : (text ?? "")).split("\n");
    this.says.replaceChildren(...lines.flatMap((line, i) => (i ? [h("br"), line] : [line])));
  }

  unmount() {
    this.stop.abort();
    clearTimeout(this.pending);
    this.watcher?.disconnect();
    this.history?.close();
    this.marginals?.close();
  }
}

const panel = (title, note, ...children) =>
  h("section", { class: "panel" }, h("header", null, h("h2", null, title), note), ...children);

// A mixture buffers its first events and fits components to them repeatedly.
function young(components, start) {
  if (!start) return "";
  const fitted = Math.round(components.reduce((sum, { n }) => sum + n, 0));
  const behind = fitted < start.kept ? `, and are fitted to the first ${count(fitted)}` : "";
  return `Still starting up: ${count(start.kept)} of ${count(start.needed)} events. Until then, the names of components may change${behind}.`;
}
