// All details of one key.

import { get, part, query } from "../api.js";
import { isNumeric, stepwise } from "../charts/kinds.js";
import { button, h, icon, setText } from "../dom.js";
import { faded } from "../fade.js";
import { ago, count, keyName, measure, nameless, observed, rate } from "../format.js";
import { levelChoice, levelOf, parameter } from "../level.js";
import { paint } from "../paint.js";
import { isPinned, togglePin } from "../prefs.js";
import { BeliefPanel } from "./detail/belief.js";
import { Responsibilities, StepPanels, SurprisePanel } from "./detail/events.js";
import { Letters, Model, Next } from "./detail/model.js";
import { PastPanel } from "./detail/past.js";
import { failure, loading } from "./state.js";

const MIN_RELOAD_MS = 1000; // ms between two complete loads while events arrive

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
    const parameters = query({ level: parameter(level) });
    history.replaceState(history.state, "", `${location.pathname}${parameters}`);
    this.#watch();
    this.#load();
  }

  #get() {
    const parameters = query({ part: this.past?.part, level: parameter(this.level) });
    return get(`/api/beliefs/${part(this.name)}/${part(this.id)}${parameters}`, this.stop.signal);
  }

  #build() {
    const { belief, title, store, data } = this;
    const format = observed(belief.likelihood);
    const several = Boolean(data.marginals);
    this.panel = new BeliefPanel(belief, { title, store, several });
    this.past = new PastPanel(belief, data, { title, select: () => this.#load() });
    // a store does not keep individual events
    this.steps = stepwise(belief.kind) && !store ? new StepPanels(measure(belief), format) : null;
    const makers = data.makers !== undefined && !store ? new Responsibilities(format) : null;
    const next = new Next(belief, title);
    const surprise = store ? null : new SurprisePanel(format, title);
    const model = new Model();
    const letters = new Letters(this.name);
    this.others = [this.steps, makers, next, surprise, model, letters].filter(Boolean);
    const left = [this.panel.element, this.past.element, this.steps?.table, letters.element];
    const right = [this.steps?.rule, makers, next, surprise, model].map((one) => one?.element ?? one);
    this.element.replaceChildren(
      this.#head(),
      h("div", { class: "columns" }, h("div", null, ...left), h("div", null, ...right, store ? limits() : null)),
    );
  }

  #head() {
    this.seen = h("p", { class: "sub" });
    this.warnings = h("p", { class: "hint warned", role: "status" });
    const { description } = this.belief;
    const crumbs = h(
      "nav",
      { class: "crumbs", "aria-label": "Breadcrumb" },
      h("a", { href: "/" }, "Beliefs"),
      "/",
      h("a", { href: `/beliefs/${part(this.name)}` }, this.name),
    );
    const quiet = nameless(this.data.key) ? "nameless" : null;
    return h(
      "div",
      { class: "page-head" },
      h(
        "div",
        null,
        crumbs,
        h("h1", { class: quiet }, keyName(this.data.key, this.name)),
        this.seen,
        this.warnings,
        description ? h("p", { class: "hint" }, description) : null,
      ),
      h("div", { class: "actions" }, ...this.#actions()),
    );
  }

  #actions() {
    const pin = button("", { onclick: () => mark(togglePin(this.name, this.id)) });
    const mark = (pinned) => {
      pin.replaceChildren(icon("star"), pinned ? "Pinned" : "Pin");
      pin.className = "button pin";
      pin.setAttribute("aria-pressed", pinned);
    };
    mark(isPinned(this.name, this.id));
    const href = `/compare${query({ belief: this.name, keys: this.id })}`;
    const compare = isNumeric(this.belief.kind)
      ? h("a", { class: "button", href }, icon("compare"), "Compare")
      : null;
    return [levelChoice(this.level, (level) => this.#selectLevel(level)), compare, pin];
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
    }, MIN_RELOAD_MS);
  }

  #step(step) {
    if (step.belief !== this.name || step.id !== this.id || typeof step.prior !== "number") return;
    this.data.steps = [...(this.data.steps ?? []), step].slice(-10);
    if (this.steps) paint(this.steps, () => this.steps.updateRule(this.data));
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
    this.panel.update(this.data);
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

  // Parts that are updated at most once a second.
  #slow() {
    const { data } = this;
    this.panel.updateTable();
    for (const each of this.others) each.update(data);
    this.past.update(data, this.level);
    setText(this.warnings, (data.warnings ?? []).join(" "));
  }

  unmount() {
    this.stop.abort();
    clearTimeout(this.pending);
    this.panel?.close();
    this.past?.close();
  }
}

const limits = () =>
  h(
    "p",
    { class: "hint" },
    "A store does not keep individual events: ",
    h("code", { class: "mono" }, "seqbayes serve CONFIG"),
    " shows individual events with their surprise and effect.",
  );
