// Steps on one unknown share: probability, likelihood, MLE, logarithm, MAP, evidence, flat priors.

import { h, setText } from "../../../dashboard/static/js/dom.js";
import { decimals, number } from "../../../dashboard/static/js/format.js";
import { betaMode } from "./candies.js";
import { binomial } from "./em.js";
import { slider } from "./frame.js";
import { betaDensity } from "./numerics.js";
import { Plot, legend } from "./plot.js";

export const N = 20; // candies of the small bag
export const RED = 6;
const TENTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];

export const percent = (x, digits = 0) => `${decimals(100 * x, digits)} %`;
export const drag = (id, name, min, max, step, value, text, act) =>
  slider({ id, name, min, max, step, value, text, act });

/** The density of the mean share and weight as Beta hyperparameters; weight 0 is flat. */
export const imagined = (mean, weight) => [1 + weight * mean, 1 + weight * (1 - mean)];

function directions() {
  const state = { theta: 0.3, red: RED };
  const says = h("p", { class: "hint" });
  const probability = new Plot("Probability of each number of red candies", 170, (plot) => {
    plot.range = [-0.8, N + 0.8];
    plot.top = 0.3;
    for (let k = 0; k <= N; k += 1) {
      const p = binomial(k, N, state.theta);
      plot.bar(k === state.red ? "likelihood" : "open", k - 0.4, k + 0.4, p);
    }
    plot.axis([0, 5, 10, 15, 20], (k) => `${k} red`);
  });
  const likelihood = new Plot("Likelihood of each share", 170, (plot) => {
    plot.top = 0.3;
    plot.curve("likelihood", (theta) => binomial(state.red, N, theta));
    plot.mark("chosen", state.theta, { height: binomial(state.red, N, state.theta) });
    plot.axis(TENTHS, percent);
  });
  const update = () => {
    probability.update();
    likelihood.update();
    const p = number(binomial(state.red, N, state.theta), 3);
    setText(
      says,
      `Both marks are the same number, ${p}: the probability of ${state.red} red candies of ${N} if ${percent(state.theta)} are red. The bars sum to 1; the area under the curve does not (it is 1/${N + 1}), so a likelihood is not a probability of the share.`,
    );
  };
  const theta = drag("theta", "Share of red", 0.01, 0.99, 0.01, 0.3, percent, (x) => {
    state.theta = x;
    update();
  });
  const red = drag(
    "red",
    "Red candies",
    0,
    N,
    1,
    RED,
    (k) => `${k} of ${N}`,
    (k) => {
      state.red = k;
      update();
    },
  );
  update();
  return [
    h("h3", null, "Probability: the share is fixed, the data vary"),
    probability.element,
    theta.element,
    h("h3", null, "Likelihood: the data are fixed, the share varies"),
    likelihood.element,
    red.element,
    says,
  ];
}

function argmaxStep() {
  const says = h("p", { class: "hint" });
  const best = binomial(RED, N, RED / N);
  let theta = 0.55;
  const plot = new Plot("Likelihood of each share", 200, () => {
    plot.top = 1.1 * best;
    plot.curve("likelihood", (x) => binomial(RED, N, x));
    plot.mark("mle", RED / N, { name: "MLE" });
    plot.mark("chosen", theta, { height: binomial(RED, N, theta) });
    plot.axis(TENTHS, percent);
  }, 1);
  const update = () => {
    plot.update();
    const share = binomial(RED, N, theta) / best;
    setText(
      says,
      `At ${percent(theta)} the likelihood is ${percent(share)} of its maximum. The maximum is at ${RED} ÷ ${N} = ${percent(RED / N)}: here the argmax is a simple division.`,
    );
  };
  update();
  return [
    plot.element,
    drag("try", "Your share", 0.01, 0.99, 0.01, theta, percent, (x) => {
      theta = x;
      update();
    }).element,
    says,
  ];
}

function logarithms() {
  const says = h("p", { class: "hint" });
  let n = 20;
  const log = (x) => 0.3 * n * Math.log(x) + 0.7 * n * Math.log1p(-x);
  const plot = new Plot("Log likelihood of each share", 190, () => {
    const top = log(0.3);
    plot.top = 1;
    // the axis starts one unit (of log likelihood per candy) below the maximum
    plot.curve("likelihood", (x) => (x > 0 && x < 1 ? Math.max(0, 1 + (log(x) - top) / n) : 0));
    plot.mark("mle", 0.3, { name: "MLE, unchanged" });
    plot.axis(TENTHS, percent);
  }, 1);
  const update = () => {
    plot.update();
    const product = 0.3 ** (0.3 * n) * 0.7 ** (0.7 * n);
    setText(
      says,
      `With ${n} candies, 30 % of them red, the largest likelihood of the sequence is the product of ${n} numbers, which a computer stores as ${product === 0 ? "0: it has underflowed" : product.toExponential(1)}; its logarithm is the sum of ${n} logarithms, ${decimals(log(0.3), 1)}.`,
    );
  };
  update();
  return [
    plot.element,
    legend(["line", "likelihood", "log likelihood per candy"]),
    drag("n", "Candies", 20, 2620, 20, n, String, (x) => {
      n = x;
      update();
    }).element,
    says,
  ];
}

/** Prior, likelihood and posterior of the share, with MLE and MAP. */
export function threeCurves(state) {
  const plot = new Plot("Prior, likelihood and posterior", 220, () => {
    const prior = imagined(state.mean, state.weight);
    const posterior = [prior[0] + RED, prior[1] + N - RED];
    const likelihood = [1 + RED, 1 + N - RED];
    const peak = (pair) => betaDensity(betaMode(...pair) ?? 0.5, ...pair);
    plot.top = 1.05 * Math.max(peak(posterior), peak(prior), peak(likelihood));
    plot.curve("prior", (x) => betaDensity(x, ...prior));
    plot.curve("likelihood", (x) => betaDensity(x, ...likelihood));
    plot.curve("posterior", (x) => betaDensity(x, ...posterior));
    plot.marks(["mle", RED / N, "MLE"], ["map", betaMode(...posterior), "MAP"]);
    plot.axis(TENTHS, percent);
  }, 2);
  return plot;
}

const curves = () =>
  legend(
    ["line", "prior", "prior"],
    ["line", "likelihood", "likelihood (scaled)"],
    ["line", "posterior", "posterior"],
    ["point", "mle", "MLE"],
    ["point", "map", "MAP"],
  );

export function map(state) {
  const [a, b] = imagined(state.mean, state.weight);
  return betaMode(a + RED, b + N - RED);
}

function mapStep() {
  const state = { mean: 0.6, weight: 10 };
  const plot = threeCurves(state);
  const says = h("p", { class: "hint" });
  const update = () => {
    plot.update();
    const heads = decimals(RED + state.weight * state.mean, 1);
    setText(
      says,
      `MAP = (${RED} red + ${decimals(state.weight * state.mean, 1)} imagined) ÷ (${N} + ${state.weight}) = ${heads} ÷ ${N + state.weight} = ${percent(map(state), 1)}; MLE = ${percent(RED / N)}.`,
    );
  };
  update();
  return [
    plot.element,
    curves(),
    drag("mean", "Your guess", 0.05, 0.95, 0.05, state.mean, percent, (x) => {
      state.mean = x;
      update();
    }).element,
    drag(
      "weight",
      "Its weight",
      0,
      100,
      1,
      state.weight,
      (x) => `${x} candies`,
      (x) => {
        state.weight = x;
        update();
      },
    ).element,
    says,
  ];
}

function evidenceStep() {
  const says = h("p", { class: "hint" });
  const prior = imagined(0.6, 10);
  const posterior = [prior[0] + RED, prior[1] + N - RED];
  const product = (x) => betaDensity(x, ...prior) * binomial(RED, N, x);
  const best = map({ mean: 0.6, weight: 10 });
  const evidence = product(best) / betaDensity(best, ...posterior);
  let factor = 1;
  const plot = new Plot("Prior times likelihood, divided by a number", 200, () => {
    plot.top = 6;
    plot.curve("evidence", (x) => product(x) / (evidence * factor));
    plot.mark("map", best, { name: "argmax" });
    plot.axis(TENTHS, percent);
  }, 1);
  const update = () => {
    plot.update();
    const area =
      Math.abs(factor - 1) < 1e-9
        ? "1, and the curve is the posterior: this number is the evidence"
        : decimals(1 / factor, 2);
    setText(
      says,
      `prior × likelihood ÷ ${number(evidence * factor, 3)}: the area under the curve is ${area}. The argmax stays at ${percent(best, 1)}.`,
    );
  };
  update();
  return [
    plot.element,
    legend(["line", "evidence", "prior × likelihood ÷ number"]),
    drag(
      "divisor",
      "Divide by",
      -1,
      1,
      0.05,
      0,
      (x) => `${decimals(10 ** x, 2)} × evidence`,
      (x) => {
        factor = 10 ** x;
        update();
      },
    ).element,
    says,
  ];
}

function flatStep() {
  const state = { mean: 0.7, weight: 40 };
  const plot = threeCurves(state);
  const says = h("p", { class: "hint" });
  const update = () => {
    plot.update();
    const gap = map(state) - RED / N;
    setText(
      says,
      state.weight === 0
        ? `The prior is flat: posterior and likelihood have the same shape, and MAP = MLE = ${percent(RED / N)}.`
        : `MAP − MLE = ${decimals(100 * gap, 1)} percentage points. Drag the weight to 0.`,
    );
  };
  update();
  return [
    plot.element,
    curves(),
    drag(
      "flat",
      "Weight",
      0,
      100,
      1,
      state.weight,
      (x) => `${x} candies`,
      (x) => {
        state.weight = x;
        update();
      },
    ).element,
    says,
  ];
}

export const SINGLE = [
  {
    title: "Probability or likelihood?",
    sentence:
      "The same formula is read in two directions: a probability asks which data to expect from a share, a likelihood asks which share explains the data.",
    build: directions,
  },
  {
    title: "MLE: the argmax of the likelihood",
    sentence:
      "Of 20 candies 6 were red, and the maximum likelihood estimate is the share under which this is most probable.",
    build: argmaxStep,
  },
  {
    title: "Why take the logarithm?",
    sentence:
      "The logarithm turns a product of tiny numbers into a sum, and it does not move the maximum, because it is an increasing function.",
    build: logarithms,
  },
  {
    title: "MAP: the argmax of prior × likelihood",
    sentence:
      "The maximum a posteriori estimate also uses a prior, which acts like imagined candies that were eaten before.",
    build: mapStep,
  },
  {
    title: "Why can the evidence be dropped?",
    sentence:
      "The evidence is one number for all shares, so dividing by it scales the curve and leaves the argmax in place.",
    build: evidenceStep,
  },
  {
    title: "MAP = MLE under a flat prior",
    sentence:
      "If every share is equally probable beforehand, multiplying by the prior changes no argmax.",
    build: flatStep,
  },
];
