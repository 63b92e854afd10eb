// EM on two coins, step by step, and online EM on an endless stream.

import { post } from "../api.js";
import { Lines } from "../charts/lines.js";
import { Track } from "../charts/track.js";
import { h, setText, sheet } from "../dom.js";
import { downloads } from "../exports.js";
import { decimals, signed } from "../format.js";
import { paint } from "../paint.js";
import { Player } from "../player.js";
import { Endless } from "./endless.js";
import { Rule } from "./rule.js";
import { failure, loading } from "./state.js";
import { Tosses } from "./tosses.js";

const COINS = ["A", "B"];
const SPEEDS = [
  ["story", "Story pace", (taken) => (taken < 7 ? 1.2 : taken < 14 ? 0.8 : 1.6)],
  ["1", "1 a second", 1],
  ["4", "4 a second", 4],
  ["12", "12 a second", 12],
];
const STARTS = [
  ["0.6,0.5", ".6 and .5"],
  ["0.5,0.6", ".5 and .6: names swapped"],
  ["0.5,0.5", ".5 and .5: they stay equal"],
  ["0.9,0.1", ".9 and .1"],
];

/** The downloads of a chart. */
const saved = (name, chart, rows) => downloads(`coins ${name}`, { element: () => chart.element, rows });

export class Coins {
  title = "Coins";

  constructor(app, _, search) {
    this.app = app;
    this.element = h("div", { class: "replay" }, loading("Loading the coins"));
    this.request = {
      start: (search.get("start") ?? "0.6,0.5").split(",").map(Number),
      iterations: Number(search.get("iterations") ?? 10),
      prior: search.get("prior") ?? "flat",
      learn_weights: ["1", "true", "True"].includes(search.get("learn_weights")),
    };
  }

  async mount() {
    await sheet("/static/css/replay.css");
    this.player = new Player({
      speeds: SPEEDS,
      speed: "story",
      unit: "steps",
      onward: { face: "Continue: an endless stream", act: () => this.endless.begin() },
      advance: (steps) => {
        this.step = steps.at(-1);
        for (const step of steps) this.#take(step);
        paint(this, () => this.#draw());
      },
      rewind: () => this.#rewind(),
      failed: (error) => this.app.shell.say(error.message),
    });
    await this.#begin();
  }

  async #begin() {
    this.abort?.abort();
    this.abort = new AbortController();
    try {
      const story = await post("/api/replay/coins", this.request, this.abort.signal);
      this.start = story;
      this.#build();
      this.player.load(story.id);
      this.endless.load(story.id);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.element.replaceChildren(failure(error, () => this.mount()));
    }
  }

  #build() {
    if (this.built) return;
    this.built = true;
    this.rules = COINS.map(() => new Rule());
    this.endless = new Endless();
    this.tosses = new Tosses(this.start.sets);
    this.track = new Track();
    this.does = h("p", { class: "rule-says" });
    this.divisions = h("div", { class: "divisions" });
    this.climb = new Lines({
      series: [{ name: "", style: "of-mean" }],
      dots: true,
      right: 16,
      written: (y) => signed(y, 1),
      label: "Log likelihood by iteration",
      height: 170,
    });
    this.height = h("p");
    const panel = (title, note, ...children) =>
      h("section", { class: "panel" }, h("header", null, h("h2", null, title), note), ...children);
    this.stage = h("p");
    this.element.replaceChildren(
      h(
        "div",
        { class: "page-head" },
        h(
          "div",
          null,
          h("h1", null, "Which coin was tossed?"),
          h(
            "p",
            { class: "sub" },
            `Five sets of ten tosses, each made with one of two coins. ${this.start.source}`,
          ),
        ),
        this.player.element,
      ),
      this.#options(),
      h(
        "div",
        { class: "board" },
        panel("E-step: split every set", this.stage, this.tosses.element),
        panel(
          "Bayes’ rule, this set",
          null,
          ...COINS.flatMap((coin, i) => [
            h("h3", { class: `coin-${coin}` }, `Coin ${coin}`),
            this.rules[i].row,
          ]),
          this.does,
        ),
        panel(
          "M-step: divide heads by tosses",
          null,
          this.track.element,
          this.divisions,
          saved("estimates", this.track, () => this.#pathRows()),
        ),
        panel(
          "The objective, which never decreases",
          this.height,
          this.climb.element,
          saved("objective", this.climb, () => this.#pathRows()),
        ),
      ),
      this.endless.element,
    );
  }

  #options() {
    const choose = (label, options, value, take) => {
      const select = h(
        "select",
        { onchange: (event) => take(event.target.value) },
        ...options.map(([one, text]) => h("option", { value: one }, text)),
      );
      select.value = value;
      return h("label", { class: "select" }, h("span", { class: "muted" }, label), select);
    };
    const weights = h("input", {
      type: "checkbox",
      onchange: (event) => this.#again({ learn_weights: event.target.checked }),
    });
    weights.checked = this.request.learn_weights;
    const start = this.request.start.join(",");
    const starts = STARTS.some(([one]) => one === start)
      ? STARTS
      : [[start, start.replace(",", " and ")], ...STARTS];
    return h(
      "div",
      { class: "options" },
      choose("Start at", starts, start, (value) =>
        this.#again({ start: value.split(",").map(Number) }),
      ),
      choose(
        "Prior",
        [
          ["flat", "flat"],
          ["beta22", "Beta(2, 2)"],
        ],
        this.request.prior,
        (prior) => this.#again({ prior }),
      ),
      h("label", { class: "button" }, weights, "Learn the probabilities of picking each coin"),
    );
  }

  #again(change) {
    Object.assign(this.request, change);
    this.#begin();
  }

  #rewind() {
    if (!this.built) return;
    this.step = null;
    this.path = [];
    this.rows = new Map();
    this.sums = null;
    this.#draw();
  }

  #take(step) {
    if (step.event === "hide" || (step.event === "row" && step.iteration === 1 && step.set === 1)) {
      this.rows = new Map();
      this.sums = null;
    }
    if (step.event === "row") this.rows.set(step.set, step);
    for (const row of step.rows ?? []) this.rows.set(row.set, row);
    if (step.sums) this.sums = step.sums;
    if (step.event === "hide" || (step.event === "divide" && step.iteration > 0))
      this.path.push(step);
    if (step.event === "divide" && step.iteration === 0) this.known = step.thetas;
  }

  #draw() {
    const { step } = this;
    const iteration = step?.iteration ?? 0;
    const known = !step || iteration === 0;
    setText(
      this.stage,
      known
        ? "the coins are known"
        : `iteration ${iteration} of ${this.start.iterations}, the coins are unknown`,
    );
    this.tosses.update(this.rows, this.sums, step, known ? this.start.noted : null);
    this.#bayes(step);
    this.#division(step, known);
    this.track.update(this.path, known ? step?.thetas : null);
    this.#height();
  }

  #bayes(step) {
    const row = step?.event === "row" ? step : step?.rows?.at(-1);
    const kept = step?.event === "divide" && step.iteration > 0; // its sums were shown in the previous step
    if (!kept) this.row = row;
    const rule = this.row?.A.rule ?? null;
    const heads = step?.tosses ? [...step.tosses].filter((toss) => toss === "H").length : 0;
    let says = "Press play: first the coins are known, then unknown.";
    if (rule && step.event === "row")
      says = `Set ${step.set}, ${heads} heads of ${step.tosses.length}: which coin was it? Each coin receives the heads and tails of the set times its posterior probability: the expected counts.`;
    else if (step?.event === "row")
      says = `Set ${step.set} was tossed with coin ${step.A.responsibility ? "A" : "B"}: the whole set is attributed to it.`;
    else if (step?.event === "hide") says = "The labels are hidden. EM starts from an initial guess.";
    else if (step?.event === "sums")
      says = "Expected heads and tails of each coin, summed over the sets.";
    else if (step?.event === "divide") says = "Heads divided by tosses: the new estimates.";
    this.rules[0].update(rule, "");
    this.rules[1].update(rule && this.row.B.rule, "");
    setText(this.does, says);
  }

  #division(step, known) {
    const { sums } = this;
    const thetas = step?.event === "divide" ? step.thetas : null;
    this.divisions.replaceChildren(
      ...COINS.map((coin) => {
        const part = sums?.[coin];
        const whole = part ? part.heads + part.tails : null;
        const quotient = part ? `${decimals(part.heads, 1)} heads ÷ ${decimals(whole, 1)} tosses` : "–";
        const pseudo = this.start.prior.name === "flat" ? "" : ", plus one imagined head and tail";
        return h(
          "p",
          null,
          h("b", { class: `coin-${coin}` }, `Coin ${coin}`),
          ` ${quotient}${part ? pseudo : ""}`,
          thetas ? h("b", null, ` = ${decimals(thetas[coin], 3)}`) : "",
        );
      }),
      known && thetas ? h("p", { class: "hint" }, this.#known()) : "",
    );
  }

  // MLE and MAP of the known coins.
  #known() {
    const enough = "With known labels, a single division is sufficient";
    if (this.start.prior.name !== "flat") return `${enough}: the MAP.`;
    const map = COINS.map((coin) => {
      const { heads, tails } = this.sums[coin];
      return `${coin} ${decimals((heads + 1) / (heads + tails + 2), 3)}`;
    });
    return `${enough}: the MLE. With the prior Beta(2, 2), one imagined head and tail for each coin, the MAP is ${map.join(", ")}.`;
  }

  #height() {
    const flat = this.start.prior.name === "flat";
    const field = flat ? "log_likelihood" : "log_posterior";
    const ys = this.path.map((step) => step[field]);
    const name = flat ? "log likelihood" : "log posterior";
    setText(this.height, ys.length ? `${name} ${signed(ys.at(-1))}` : name);
    const low = Math.min(...ys);
    const high = Math.max(...ys);
    const room = 0.1 * (high - low) || 0.5;
    const range = ys.length ? [low - room, high + room] : [-12, -9];
    this.climb.update(
      ys.map((_, i) => i),
      [ys],
      range,
      [],
      this.start.iterations,
    );
  }

  /** The estimates and the objective after each iteration, as rows of a file. */
  #pathRows() {
    const rows = this.path.map(({ thetas, log_likelihood: likelihood, log_posterior: posterior }, i) => [
      ...[i, thetas.A, thetas.B, likelihood, posterior],
    ]);
    return [["iteration", "A", "B", "log likelihood", "log posterior"], ...rows];
  }

  unmount() {
    this.abort?.abort();
    this.player?.close();
    this.endless?.close();
    this.climb?.close();
    this.track?.close();
  }
}
