// 2,620 M&M's, drawn one at a time.

import { post } from "../api.js";
import { percent } from "../charts/bars.js";
import { swatch } from "../charts/density.js";
import { Update } from "../charts/update.js";
import { Lines } from "../charts/lines.js";
import { h, setText, sheet, table } from "../dom.js";
import { downloads } from "../exports.js";
import { probability, proportion, signed, things } from "../format.js";
import { paint } from "../paint.js";
import { Player } from "../player.js";
import { BagForm } from "./bag.js";
import * as rows from "./candy-rows.js";
import { Belief, COLOURS, Wash, axisEnd, definitions, mixBar } from "./candies.js";
import { Eleven } from "./eleven.js";
import { Jars } from "./jars.js";
import { PriorForm } from "./prior.js";
import { Rule } from "./rule.js";
import { failure, loading } from "./state.js";

const ESTIMATES = ["mean", "map", "mle"];
const TITLES = {
  cleveland: "Cleveland",
  mars_2008: "Mars 2008",
  hackettstown: "Hackettstown",
  equal: "equal shares",
};
const HYPOTHESIS = "green"; // the colour of the shares in Bayes' rule
const SPEEDS = [
  ["story", "Story pace", (eaten) => Math.min(400, 1.2 * (1 + eaten / 9) ** 1.25)],
  ["1", "1 a second", 1],
  ["5", "5 a second", 5],
  ["25", "25 a second", 25],
  ["150", "150 a second", 150],
  ["max", "Maximum speed", 3000],
];

function sharesOf(alpha) {
  const sum = Object.values(alpha).reduce((total, weight) => total + weight, 0);
  return Object.fromEntries(Object.entries(alpha).map(([name, weight]) => [name, weight / sum]));
}

/** The downloads of a chart. */
const saved = (name, chart, rows) => downloads(`M&M’s ${name}`, { element: () => chart.element, rows });

export class Candies {
  title = "M&M’s";

  constructor(app, _, search) {
    this.app = app;
    this.element = h("div", { class: "replay" }, loading("Opening the bags"));
    this.followed = HYPOTHESIS;
    this.heading = h("h1");
    this.origin = h("p", { class: "sub" });
    const number = (name) => (search.get(name) ? Number(search.get(name)) : undefined);
    this.request = {
      seed: number("seed"),
      bags: number("bags"),
      bag: search.get("bag") ?? undefined,
    };
    this.first = { prior: search.get("prior") ?? "park", strength: number("strength") };
  }

  async mount() {
    await sheet("/static/css/replay.css");
    this.#build();
    await this.#begin(this.first, this.request);
  }

  #build() {
    this.player = new Player({
      speeds: SPEEDS,
      speed: "story",
      unit: "candies",
      advance: (steps) => this.#eat(steps),
      rewind: () => this.#rewind(),
      failed: (error) => this.app.shell.say(error.message),
    });
    this.jars = new Jars(COLOURS);
    this.rule = new Rule();
    this.update = new Update();
    this.eleven = new Eleven();
    this.form = new PriorForm(COLOURS, (prior) => this.#begin(prior, this.request), this.first);
    this.bag = new BagForm(this.request.bag, (bag) => {
      const { seed, bags } = this.request;
      this.#begin(this.prior, bag === undefined ? { seed, bags } : { bag });
    });
    this.race = new Lines({
      series: [
        { name: "mean", style: "of-mean", sign: "mean" },
        { name: "MAP", style: "of-map", sign: "map" },
        { name: "MLE", style: "of-mle", sign: "mle" },
      ],
      right: 92,
      written: (share) => `${Math.round(100 * share)} %`,
      log: true,
      label: "MLE, MAP and posterior mean against the number of candies",
      height: 210,
    });
    this.belief = new Belief((colour) => this.#follow(colour));
    this.factories = h("div");
    this.wash = new Wash();
  }

  async #begin(prior, request) {
    this.abort?.abort();
    this.abort = new AbortController();
    this.form.go.disabled = true;
    try {
      const story = await post("/api/replay/mms", { ...request, ...prior }, this.abort.signal);
      this.form.showError(null);
      this.bag.showError(null);
      Object.assign(this, { prior, request });
      if (!this.start && this.form.kind === "own") this.form.adopt(sharesOf(story.prior.alpha));
      this.start = story;
      this.mixes = story.mixes ?? {};
      this.#show();
      this.player.load(story.id, story.candies);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (this.start) (request === this.request ? this.form : this.bag).showError(error.message);
      else this.element.replaceChildren(failure(error, () => this.mount()));
    } finally {
      this.form.go.disabled = false;
    }
  }

  #show() {
    const { candies, source, bags, seed } = this.start;
    const own = seed === null;
    setText(this.heading, `${things(candies, `${own ? "" : "real "}M&M`, `${own ? "" : "real "}M&M’s`)}, drawn one at a time`);
    setText(this.origin, own ? "The candies of your bag" : `${source}; randomly divided into ${things(bags, "bag")}`);
    if (this.shown) return;
    this.shown = true;
    const panel = (name, title, note, ...children) =>
      h(
        "section",
        { class: `panel ${name}` },
        h("header", null, h("h2", null, title), note),
        ...children,
      );
    this.prediction = h("p", { class: "prediction" });
    this.raceNote = h("p");
    this.raceTitle = h("h2");
    const marks = h(
      "ul",
      { class: "legend" },
      ...[...ESTIMATES, "prior"].map((part) =>
        h(
          "li",
          null,
          swatch(part),
          { mle: "MLE", map: "MAP", mean: "mean", prior: "prior mean" }[part],
        ),
      ),
    );
    this.nextName = h("span", null, "after one more");
    this.curves = h(
      "ul",
      { class: "legend" },
      h("li", null, swatch("prior"), "prior"),
      h("li", null, swatch("posterior"), "posterior"),
      h("li", null, swatch("next"), this.nextName),
      h("li", null, swatch("claim"), "the claim"),
    );
    this.element.replaceChildren(
      h(
        "div",
        { class: "page-head" },
        h(
          "div",
          null,
          this.heading,
          this.origin,
        ),
        this.player.element,
      ),
      h(
        "div",
        { class: "board" },
        panel(
          "jars-panel",
          "Eaten",
          this.prediction,
          this.jars.element,
          saved("candies", this.jars, () => rows.counts(this.now, this.start)),
        ),
        panel(
          "eleven-panel",
          "Which of eleven shares?",
          null,
          this.eleven.element,
          saved("eleven shares", this.eleven, () => this.eleven.rows()),
        ),
        panel(
          "belief-panel",
          "The belief about each colour",
          marks,
          this.belief.element,
          definitions(),
          saved("shares", this.belief, () => rows.beliefs(this.now, sharesOf(this.start.prior.alpha))),
        ),
        panel(
          "rule-panel",
          "Every share is possible: densities",
          null,
          this.rule.element,
          this.update.element,
          this.curves,
          saved("densities", this.update, () => this.update.rows()),
        ),
        panel(
          "factory-panel",
          "Which factory made these?",
          h("p", null, "log Bayes factor against a learned mix"),
          this.factories,
          saved("factories", { element: this.factories }, () => rows.factories(this.now, (name) => this.#title(name))),
        ),
        h(
          "section",
          { class: "panel race-panel" },
          h("header", null, this.raceTitle, this.raceNote),
          this.race.element,
          saved("estimates", this.race, () => rows.race(this.eaten, this.tracks[this.followed])),
        ),
        panel(
          "prior-panel",
          "The prior and its weight",
          null,
          this.wash.element,
          this.form.element,
        ),
        panel("bag-panel", "Your bag", null, this.bag.element),
      ),
    );
  }

  #rewind() {
    if (!this.start) return;
    this.eaten = [];
    this.tracks = Object.fromEntries(
      COLOURS.map((colour) => [colour, { mle: [], map: [], mean: [] }]),
    );
    this.jars.clear();
    this.step = this.before = null;
    this.now = this.start.belief;
    this.#draw();
  }

  #eat(steps) {
    for (const step of steps) {
      this.eaten.push(step.number);
      for (const colour of COLOURS) {
        for (const estimate of ESTIMATES)
          this.tracks[colour][estimate].push(step.belief[estimate][colour]);
      }
    }
    this.jars.drop(steps.map((step) => step.colour));
    this.before = steps.at(-2) ?? this.step;
    this.step = steps.at(-1);
    this.now = this.step.belief;
    paint(this, () => this.#draw());
  }

  #follow(colour) {
    this.followed = colour;
    this.#draw();
  }

  #draw() {
    const before = this.before ?? this.start;
    this.eleven.update(HYPOTHESIS, before.eleven, this.step?.eleven, this.step?.rule.observed);
    this.#rule();
    this.belief.update(this.now, this.start.prior.alpha, this.followed, this.step?.colour);
    this.wash.update(this.start.prior, this.step?.number ?? 0);
    this.#race();
    this.#factories();
  }

  #rule() {
    const { step } = this;
    if (!step) {
      this.rule.update(null, "Press play: every candy is one step of Bayes’ rule.");
      this.update.clear();
      setText(this.prediction, `${this.start.prior.name} prior`);
      return;
    }
    const { colour, observed, share, next_posterior: next, ...terms } = step.rule;
    const event = observed ? colour : `not ${colour}`;
    this.rule.update(terms, "");
    this.rule.says.replaceChildren(
      `Are ${probability(share, 0)} of all candies ${colour}, as Mars published in 2008? Densities before and after this candy, which is ${event}; the posterior is the prior for the next candy. If the next candy is ${event}, too, the density becomes `,
      h("b", { class: "c-next" }, next.toPrecision(3)),
      ".",
    );
    setText(this.nextName, `after one more that is ${event}`);
    const alpha = this.now.alpha[colour];
    const rest = COLOURS.reduce((sum, one) => sum + this.now.alpha[one], 0) - alpha;
    this.update.update(step.rule, alpha, rest, this.#widest());
    const guess = step.predicted;
    const right = proportion(step.hits / step.number, 0);
    const chance = proportion(1 / COLOURS.length, 0);
    setText(
      this.prediction,
      `${guess.came_true ? "✓" : "✗"} predicted ${guess.colour}, was ${step.colour} · ${right} correct so far, ${chance} by guessing`,
    );
  }

  #widest() {
    const reach = Math.max(...COLOURS.map((colour) => this.now.interval[colour][1]));
    return axisEnd(reach);
  }

  #race() {
    const colour = this.followed;
    const tracks = this.tracks[colour];
    const claims = this.mixes.mars_2008?.shares[colour];
    setText(this.raceTitle, `Estimates over time: ${colour}`);
    setText(this.raceNote, "share by number of candies, logarithmic axis");
    const series = ESTIMATES.map((estimate) => tracks[estimate]);
    const values = series.flat().filter((y) => y !== null && y !== undefined);
    const top = Math.min(
      1,
      Math.max(0.3, ...values.slice(-90), this.start.belief.mean[colour] + 0.05),
    );
    const levels = claims ? [{ y: claims, name: "Mars 2008", style: "of-claim" }] : [];
    this.race.update(this.eaten, series, [0, Math.ceil(top * 10) / 10], levels, this.start.candies);
  }

  #factories() {
    const { mixes, some_other_mix: other } = this.now;
    const rows = Object.entries(mixes)
      .map(([name, mix]) => ({
        name,
        title: this.#title(name),
        ...mix,
        shares: this.#shares(name),
      }))
      .sort((a, b) => b.log_bayes_factor - a.log_bayes_factor);
    rows.push({
      name: "other",
      title: "learned mix",
      probability: other,
      log_bayes_factor: null,
      shares: this.now.mean,
    });
    const cells = rows.map((row) => {
      const bar = h("span", { class: "bar" });
      bar.style.width = percent(row.probability);
      return [
        row.title,
        mixBar(row.shares),
        row.log_bayes_factor === null ? "–" : signed(row.log_bayes_factor, 2),
        h(
          "span",
          { class: "with-bar" },
          h("span", { class: "track", "aria-hidden": "true" }, bar),
          probability(row.probability),
        ),
      ];
    });
    this.factories.replaceChildren(
      table(
        "Which factory made these",
        [["Mix"], ["Shares"], ["log Bayes factor", "num"], ["Probability", "num"]],
        cells,
      ),
    );
  }

  #title(name) {
    return this.mixes[name]?.title ?? TITLES[name] ?? name;
  }

  #shares(name) {
    if (name === "equal") return Object.fromEntries(COLOURS.map((colour) => [colour, 1 / 6]));
    return this.mixes[name]?.shares ?? null;
  }

  unmount() {
    this.abort?.abort();
    this.player?.close();
    this.jars?.close();
    this.race?.close();
    this.update?.close();
  }
}
