// The parts of the lesson on M&M's, each of which draws the belief after a step.

import { h, setText, table } from "../../../dashboard/static/js/dom.js";
import { count, number, probability, proportion, signed } from "../../../dashboard/static/js/format.js";
import { COLOURS, SHARES, bayes, betaMode, roundedShares } from "./candies.js";
import { panel, slider } from "./frame.js";
import { betaDensity, betaQuantile } from "./numerics.js";
import { Plot, legend } from "./plot.js";
import { candy, rule, term } from "./terms.js";

const percent = (x, digits = 0) => `${(100 * x).toFixed(digits)} %`;

/** An estimate in percent: MLE and MAP can be 0 or 1, but the mean is never certain. */
const estimate = (name, x) => (name === "mean" ? probability(x) : proportion(x));

function meter(name, share) {
  const bar = h("span", { class: `meter-bar of-${name}` });
  bar.style.width = `${100 * share}%`;
  return h(
    "span",
    { class: "meter" },
    h("span", { class: "meter-track", "aria-hidden": "true" }, bar),
    probability(share),
  );
}

/** Which factory? Five fixed hypotheses, and their probabilities. */
export class Rivals {
  constructor(mixes) {
    this.titles = [...mixes.map(({ title }) => title), "learned mix"];
    this.holder = h("div");
    this.says = h("p", { class: "hint" });
    this.element = panel(
      "Which factory made them?",
      h(
        "span",
        null,
        "Each row is one hypothesis that never changes; after every candy its ",
        term("posterior"),
        " becomes the ",
        term("prior"),
        " of the next candy.",
      ),
      this.holder,
      this.says,
    );
  }

  update(candies, k) {
    const before = candies.rivals(Math.max(0, k - 1));
    const likelihood = k ? candies.rivalLikelihoods(k) : null;
    const evidence = k ? bayes(before, likelihood).evidence : null;
    const after = candies.rivals(k);
    const rows = this.titles.map((title, i) => [
      title,
      meter("prior", before[i]),
      k ? number(likelihood[i], 3) : "–",
      k ? meter("posterior", after[i]) : "–",
    ]);
    const heads = [
      ["Hypothesis"],
      ["prior", "c-prior"],
      ["× likelihood", "num c-likelihood"],
      ["÷ evidence = posterior", "after c-posterior"],
    ];
    this.holder.replaceChildren(table("Which factory made them", heads, rows, { class: "rivals" }));
    const factors = candies.steps[k].factors;
    const best = factors.indexOf(Math.max(...factors));
    this.says.replaceChildren(
      ...(k
        ? [
            "The ",
            term("evidence"),
            ` ${number(evidence, 3)} is the sum of prior × likelihood over the rows: the probability of this candy before its colour was known. The log Bayes factor of ${this.titles[best]} against the learned mix is ${signed(factors[best])}; above 0, the candies favour it.`,
          ]
        : [
            "All five are equally probable before the first candy. The learned mix has no fixed shares: it predicts each candy from your prior and the earlier candies.",
          ]),
    );
  }
}

/** Which of eleven shares? Discrete probabilities of the share of one colour. */
export class ElevenPanel {
  constructor(share, change) {
    this.plot = new Plot("", 210, () => this.#draw());
    this.rule = h("div");
    this.drag = slider({
      id: "hypothesis",
      name: "Hypothesis",
      min: 0,
      max: 10,
      step: 1,
      value: Math.round(10 * share),
      text: (i) => percent(i / 10),
      act: (i) => change(i / 10),
    });
    this.title = h("b");
    this.element = panel(
      "Which of eleven shares?",
      h(
        "span",
        null,
        "What share of all candies is ",
        this.title,
        "? At first, only eleven answers are possible, so the belief consists of eleven probabilities that sum to 1.",
      ),
      this.plot.element,
      legend(
        ["bar", "prior", "prior"],
        ["bar", "posterior", "posterior"],
        ["point", "likelihood", "likelihood of this candy (scale 0 to 1)"],
      ),
      this.drag.element,
      this.rule,
    );
  }

  update(candies, k, colour, share) {
    const prior = roundedShares(...candies.share(colour, 0));
    const before = candies.elevenShares(prior, colour, Math.max(0, k - 1));
    const after = candies.elevenShares(prior, colour, k);
    const hit = k > 0 && candies.bag[k - 1] === colour;
    const likelihood = SHARES.map((one) => (hit ? one : 1 - one));
    Object.assign(this, { before, after, likelihood, k, at: Math.round(10 * share) });
    setText(this.title, COLOURS[colour]);
    this.drag.set(this.at);
    this.plot.update();
    const best = after.indexOf(Math.max(...after));
    this.plot.describe(
      `Probabilities of eleven shares of ${COLOURS[colour]}: the most probable is ${percent(SHARES[best])}, with ${probability(after[best])}`,
    );
    const claim = `“${percent(SHARES[this.at])} are ${COLOURS[colour]}”`;
    this.rule.replaceChildren(
      rule(
        {
          prior: before[this.at],
          likelihood: k ? likelihood[this.at] : null,
          evidence: k ? bayes(before, likelihood).evidence : null,
          posterior: k ? after[this.at] : null,
        },
        {
          prior: `of ${claim}`,
          likelihood: k ? `of this candy (${hit ? "" : "not "}${COLOURS[colour]})` : "of a candy",
          evidence: "of this candy under all eleven",
          posterior: k ? "the prior for the next candy" : "after a candy",
        },
      ),
    );
  }

  #draw() {
    const { plot } = this;
    plot.range = [-0.06, 1.06];
    plot.top = Math.max(0.3, ...this.before, ...this.after);
    plot.bar("chosen", this.at / 10 - 0.05, this.at / 10 + 0.05, plot.top);
    SHARES.forEach((share, i) => {
      plot.bar("prior", share - 0.035, share, this.before[i]);
      if (!this.k) return;
      plot.bar("posterior", share, share + 0.035, this.after[i]);
      plot.point("likelihood", share, this.likelihood[i] * plot.top);
    });
    plot.axis(this.plot.width < 420 ? SHARES.filter((_, i) => i % 2 === 0) : SHARES, (x) =>
      percent(x),
    );
  }
}

/** Every share: densities, with MLE, MAP and mean. */
export class DensitiesPanel {
  /** `claims` has the share of each colour that Mars stated in 2008, keyed by name. */
  constructor(change, claims) {
    this.claims = claims;
    this.plot = new Plot("", 240, () => this.#draw(), 3);
    this.rule = h("div");
    this.values = Object.fromEntries(["mle", "map", "mean"].map((name) => [name, h("b")]));
    this.drag = slider({
      id: "share",
      name: "Hypothesis",
      min: 0.5,
      max: 99.5,
      step: 0.5,
      value: 16,
      text: (x) => percent(x / 100, 1),
      act: (x) => change(x / 100),
    });
    this.says = h("p", { class: "hint" });
    this.element = panel(
      "Every share",
      "With more and narrower answers the bars become a curve: a density, whose area between two shares is the probability that the share lies between them.",
      this.plot.element,
      legend(
        ["line", "prior", "prior, before all candies"],
        ["line", "likelihood", "likelihood of all candies (scaled to the height of the chart)"],
        ["line", "posterior", "posterior, after all candies so far"],
        ["line", "next", "posterior after one more candy of this colour"],
      ),
      this.#definitions(),
      this.drag.element,
      this.rule,
      this.says,
    );
  }

  #definitions() {
    const entry = (name, title, style, text) => [
      h("dt", { class: `c-${style}` }, title, " ", this.values[name]),
      h("dd", null, text),
    ];
    return h(
      "dl",
      { class: "definitions" },
      ...entry(
        "mle",
        "▲ MLE",
        "likelihood",
        "maximum likelihood estimate: the share under which the eaten candies are most probable. It ignores the prior: eaten of this colour ÷ all eaten.",
      ),
      ...entry(
        "map",
        "◆ MAP",
        "posterior",
        "maximum a posteriori: where the posterior is highest. With a flat prior it is the MLE.",
      ),
      ...entry(
        "mean",
        "● mean",
        "posterior",
        "the average of the share over the posterior: also the probability that the next candy has this colour.",
      ),
    );
  }

  update(candies, k, colour, at) {
    const [a, b] = candies.share(colour, k);
    const start = candies.share(colour, 0);
    const n = candies.steps[k].counts[colour];
    const hit = k > 0 && candies.bag[k - 1] === colour;
    Object.assign(this, { a, b, n, k, start, at });
    this.mle = k ? n / k : null;
    this.map = betaMode(a, b);
    this.mean = a / (a + b);
    for (const name of ["mle", "map", "mean"])
      setText(this.values[name], this[name] === null ? "does not exist" : estimate(name, this[name]));
    this.drag.set(100 * at);
    this.plot.update();
    const [low, high] = [0.025, 0.975].map((p) => betaQuantile(p, a, b));
    this.plot.describe(
      `Density of the share of ${COLOURS[colour]}: mean ${probability(this.mean)}, 95 % interval ${probability(low)} to ${probability(high)}`,
    );
    const [a0, b0] = k ? candies.share(colour, k - 1) : [a, b];
    const likelihood = hit ? at : 1 - at;
    this.rule.replaceChildren(
      rule(
        {
          prior: betaDensity(at, a0, b0),
          likelihood: k ? likelihood : null,
          evidence: k ? (hit ? a0 : b0) / (a0 + b0) : null,
          posterior: k ? betaDensity(at, a, b) : null,
        },
        {
          prior: k > 1 ? "the posterior of the last candy" : `density at ${percent(at, 1)}`,
          posterior: k ? "the prior for the next candy" : "after a candy",
        },
      ),
    );
    const claim =
      at === this.claims[COLOURS[colour]]
        ? `The hypothesis is what Mars stated in 2008: ${percent(at, 1)} are ${COLOURS[colour]}. `
        : "";
    setText(
      this.says,
      `${claim}The share lies between ${probability(low)} and ${probability(high)} with 95 % probability. If the next candy is ${COLOURS[colour]}, the density at ${percent(at, 1)} becomes ${number(betaDensity(at, a + 1, b), 3)}.`,
    );
  }

  #draw() {
    const { plot, a, b, start, k, n } = this;
    const reach = Math.max(
      ...[start, [a, b]].map(([one, two]) => betaQuantile(0.9995, one, two)),
      this.mle ?? 0,
      this.at,
    );
    plot.range = [0, [0.3, 0.4, 0.5, 0.6, 0.8, 1].find((limit) => limit >= reach) ?? 1];
    const peak = (one, two) => Math.min(60, betaDensity(betaMode(one, two) ?? 0.5, one, two));
    plot.top = 1.05 * Math.max(peak(...start), peak(a, b), 2);
    plot.mark("chosen", this.at);
    plot.curve("prior", (x) => betaDensity(x, ...start));
    if (k) {
      const scale = (0.8 * plot.top) / betaDensity(n / k, n + 1, k - n + 1);
      plot.curve("likelihood", (x) => scale * betaDensity(x, n + 1, k - n + 1));
      plot.curve("posterior", (x) => betaDensity(x, a, b));
      plot.curve("next", (x) => betaDensity(x, a + 1, b));
      plot.marks(["mle", this.mle, "MLE"], ["map", this.map, "MAP"], ["mean", this.mean, "mean"]);
    }
    const step = plot.range[1] > 0.6 ? 0.2 : 0.1;
    const ticks = Array.from({ length: Math.round(plot.range[1] / step) + 1 }, (_, i) => i * step);
    plot.axis(ticks, (x) => percent(x));
  }
}

/** All six colours, the next candy, and the correct predictions. */
export class EstimatesPanel {
  constructor() {
    this.holder = h("div");
    this.guess = h("p", { class: "sentence" });
    this.score = h("div");
    this.element = panel(
      "All colours, and the next candy",
      null,
      this.guess,
      this.holder,
      this.score,
      h(
        "p",
        { class: "hint" },
        "Here the MAP is the most probable mix of all six shares; the curve of a single colour, above, can have its peak elsewhere.",
      ),
    );
  }

  update(candies, k) {
    const rows = candies
      .estimates(k)
      .map((one, colour) => [
        h("span", { class: "named" }, candy(colour), COLOURS[colour]),
        count(one.count),
        one.mle === null ? "–" : proportion(one.mle),
        one.map === null ? "–" : proportion(one.map),
        probability(one.mean),
        `${probability(one.low)} to ${probability(one.high)}`,
      ]);
    const heads = [
      ["Colour"],
      ["eaten", "num"],
      ["MLE", "num c-likelihood"],
      ["MAP", "num c-posterior"],
      ["mean", "num c-posterior"],
      ["95 % interval", "num"],
    ];
    this.holder.replaceChildren(table("The shares of all colours", heads, rows));
    const next = candies.prediction(k);
    this.guess.replaceChildren(
      "Next, ",
      h("b", null, COLOURS[next.colour]),
      ` is most probable, with ${probability(next.probability)}.`,
    );
    this.#scores(candies, k);
  }

  #scores(candies, k) {
    if (!k) return this.score.replaceChildren();
    const { hits, counts } = candies.steps[k];
    const most = counts.indexOf(Math.max(...counts));
    const rows = [
      ["predicted before each candy", `${count(hits)} of ${count(k)}`, percent(hits / k, 1)],
      ["baseline: guess at random", "1 of 6", percent(1 / 6, 1)],
      [
        `baseline: always ${COLOURS[most]}, chosen afterwards`,
        `${count(counts[most])} of ${count(k)}`,
        percent(counts[most] / k, 1),
      ],
    ];
    return this.score.replaceChildren(
      table("Correct predictions", [["Predictions"], ["correct", "num"], ["share", "num"]], rows),
    );
  }
}
