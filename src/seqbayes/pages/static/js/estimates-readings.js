// Steps on interpretation: two readings, subjective priors, objectives and algorithms, three errors.

import { h, setText } from "../../../dashboard/static/js/dom.js";
import { count, decimals } from "../../../dashboard/static/js/format.js";
import { betaMode, readBag } from "./candies.js";
import { N, RED, drag, imagined, map, percent } from "./estimates-single.js";
import { betaDensity } from "./numerics.js";
import { Plot, legend } from "./plot.js";

const TRUE = 0.3;
const BAGS = 40;
const RED_NUMBER = 4; // its place among the colours

/** A small generator of random numbers with a fixed seed (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function readings() {
  let n = 60;
  const says = h("p", { class: "hint" });
  let bags = [];
  const frequencies = new Plot("Intervals of forty bags", 190, (plot) => {
    plot.top = BAGS + 1;
    plot.mark("chosen", TRUE);
    bags.forEach(({ low, high, covers }, i) =>
      plot.line(covers ? "covers" : "missed", [
        [low, i + 1],
        [high, i + 1],
      ]),
    );
    plot.axis([0, 0.2, 0.4, 0.6, 0.8, 1], percent);
  });
  const belief = new Plot("Belief about the share after the first bag", 150, (plot) => {
    const [a, b] = [1 + bags[0].red, 1 + n - bags[0].red];
    plot.top = 1.05 * betaDensity(betaMode(a, b), a, b);
    plot.curve("posterior", (x) => betaDensity(x, a, b));
    plot.axis([0, 0.2, 0.4, 0.6, 0.8, 1], percent);
  });
  const update = () => {
    const draw = random(7);
    bags = Array.from({ length: BAGS }, () => {
      let red = 0;
      for (let i = 0; i < n; i += 1) red += draw() < TRUE ? 1 : 0;
      const share = red / n;
      const half = 1.96 * Math.sqrt((share * (1 - share)) / n);
      return {
        red,
        low: Math.max(0, share - half),
        high: Math.min(1, share + half),
        covers: Math.abs(share - TRUE) <= half,
      };
    });
    frequencies.update();
    belief.update();
    setText(
      says,
      `Simulated bags of ${n} candies: ${bags.filter(({ covers }) => covers).length} of ${BAGS} intervals contain 30 %; in the long run 95 % should. The first bag has ${bags[0].red} red candies.`,
    );
  };
  update();
  return [
    h(
      "h3",
      null,
      "Frequentist: the share is fixed, and every line is the 95 % interval of one bag; dotted ones miss the share",
    ),
    frequencies.element,
    h(
      "h3",
      null,
      "Bayesian: the share is unknown, and the curve is the belief about it after the first bag, with a flat prior",
    ),
    belief.element,
    drag("bag-size", "Candies per bag", 10, 300, 10, n, String, (x) => {
      n = x;
      update();
    }).element,
    says,
  ];
}

const PEOPLE = [
  ["flat", 0, 0.5],
  ["park", 22, 0.23],
  ["factory", 60, 0.13],
  ["only red", 40, 0.75],
];

function washing({ letters }) {
  const bag = readBag(letters).bag;
  const reds = [0];
  for (const colour of bag) reds.push(reds.at(-1) + (colour === RED_NUMBER ? 1 : 0));
  let n = 3;
  const estimate = (k, weight, mean) =>
    betaMode(...imagined(mean, weight).map((one, i) => one + (i ? k - reds[k] : reds[k])));
  const places = Array.from({ length: 61 }, (_, i) => Math.round(bag.length ** (i / 60)));
  const says = h("p", { class: "hint" });
  const plot = new Plot("MAP of four people by the number of candies", 240, () => {
    plot.range = [0, Math.log10(bag.length)];
    plot.top = 1;
    for (const [name, weight, mean] of PEOPLE) {
      plot.line(
        "posterior",
        places.map((k) => [Math.log10(k), estimate(k, weight, mean) ?? mean]),
      );
      plot.add(
        "text",
        { x: plot.x(0.05), y: plot.y(estimate(1, weight, mean) ?? mean) - 4 },
        weight ? name : `${name}: MAP = MLE`,
      );
    }
    plot.line(
      "likelihood",
      places.map((k) => [Math.log10(k), reds[k] / k]),
    );
    plot.mark("chosen", Math.log10(n));
    plot.axis([0, 1, 2, 3], (x) => count(10 ** x));
  });
  const update = () => {
    plot.update();
    const all = PEOPLE.map(
      ([name, weight, mean]) => `${name} ${percent(estimate(n, weight, mean) ?? mean, 1)}`,
    ).join(", ");
    setText(
      says,
      `After ${count(n)} real candies, the MAP of the share of red: ${all}; the MLE is ${percent(reds[n] / n, 1)}. By the law of large numbers the MLE approaches the share; a prior equivalent to S candies keeps the weight S ÷ (S + n).`,
    );
  };
  update();
  return [
    plot.element,
    legend(["line", "posterior", "MAP of each person"], ["line", "likelihood", "MLE"]),
    drag(
      "eaten",
      "Candies eaten",
      0,
      3.4183,
      0.01,
      Math.log10(n),
      (x) => count(Math.min(bag.length, Math.round(10 ** x))),
      (x) => {
        n = Math.min(bag.length, Math.round(10 ** x));
        update();
      },
    ).element,
    says,
  ];
}

function algorithms() {
  const state = { mean: 0.6, weight: 10 };
  const [a, b] = imagined(state.mean, state.weight);
  const [p, q] = [a + RED, b + N - RED];
  const best = map(state);
  const slope = (x) => (p - 1) / x - (q - 1) / (1 - x);
  let [steps, rate] = [3, 0.002];
  const says = h("p", { class: "hint" });
  const plot = new Plot("Gradient ascent on the posterior", 200, () => {
    plot.top = 1.1 * betaDensity(best, p, q);
    plot.curve("posterior", (x) => betaDensity(x, p, q));
    plot.mark("map", best, { name: "MAP" });
    for (const x of path()) plot.point("chosen", x, betaDensity(x, p, q));
    plot.axis([0, 0.2, 0.4, 0.6, 0.8, 1], percent);
  }, 1);
  const path = () => {
    const found = [0.9];
    for (let i = 0; i < steps; i += 1)
      found.push(Math.min(0.99, Math.max(0.01, found.at(-1) + rate * slope(found.at(-1)))));
    return found;
  };
  const update = () => {
    plot.update();
    const grid = Array.from({ length: 19 }, (_, i) => 0.05 * (i + 1));
    const nearest = grid.reduce((one, other) =>
      betaDensity(other, p, q) > betaDensity(one, p, q) ? other : one,
    );
    setText(
      says,
      `The objective is the posterior. A formula gives ${percent(best, 2)}, a grid of 19 shares ${percent(nearest)}, and gradient ascent from 90 % has reached ${percent(path().at(-1), 2)} after ${steps} steps.`,
    );
  };
  update();
  return [
    plot.element,
    drag("ascent", "Steps", 0, 60, 1, steps, String, (x) => {
      steps = x;
      update();
    }).element,
    drag(
      "rate",
      "Step size",
      0.0005,
      0.006,
      0.0005,
      rate,
      (x) => decimals(x, 4),
      (x) => {
        rate = x;
        update();
      },
    ).element,
    says,
  ];
}

function overfull() {
  const shares = { red: 30, green: 20, blue: 25, yellow: 35 };
  const says = h("p", { class: "hint" });
  // the colours of the candies would look like those of the terms
  const plot = new Plot("The shares, side by side", 80, () => {
    plot.range = [0, 160];
    let from = 0;
    for (const [colour, share] of Object.entries(shares)) {
      if (share) plot.bar("open", from, from + share, 1);
      if (share >= 15)
        plot.add(
          "text",
          { x: plot.x(from + share / 2), y: plot.height - 36, "text-anchor": "middle" },
          colour,
        );
      from += share;
    }
    plot.mark("chosen", 100, { name: "the whole bag" });
    plot.axis([0, 25, 50, 75, 100, 125, 150], (x) => `${x} %`);
  }, 1);
  const update = () => {
    plot.update();
    const total = Object.values(shares).reduce((sum, share) => sum + share, 0);
    setText(
      says,
      total === 100
        ? "The sum is 100 %: a possible bag. Other corrections are possible too, and only the author of the numbers knows the right one."
        : `The sum is ${total} %: no bag has these shares. Drag until it is 100 %.`,
    );
  };
  update();
  return [
    plot.element,
    ...Object.keys(shares).map(
      (colour) =>
        drag(
          `part-${colour}`,
          colour,
          0,
          40,
          5,
          shares[colour],
          (x) => `${x} %`,
          (x) => {
            shares[colour] = x;
            update();
          },
        ).element,
    ),
    says,
  ];
}

function uniform() {
  let [low, high] = [0.1, 0.7];
  const says = h("p", { class: "hint" });
  const plot = new Plot("A uniform density", 170, () => {
    plot.top = 4;
    plot.line("posterior", [
      [0, 0],
      [low, 0],
      [low, 1 / (high - low)],
      [high, 1 / (high - low)],
      [high, 0],
      [1, 0],
    ]);
    plot.mark("mean", (low + high) / 2, { name: "mean" });
    plot.axis([0, 0.2, 0.4, 0.6, 0.8, 1], percent);
  }, 1);
  const update = () => {
    plot.update();
    setText(
      says,
      `The density is ${decimals(1 / (high - low), 2)} at every value from ${percent(low)} to ${percent(high)}: no value is more probable than another, so there is no single mode. The mean, ${percent((low + high) / 2, 1)}, is the balance point and not more probable than its neighbours.`,
    );
  };
  update();
  return [
    plot.element,
    drag("low", "From", 0, 0.35, 0.01, low, percent, (x) => {
      low = x;
      update();
    }).element,
    drag("high", "To", 0.6, 1, 0.01, high, percent, (x) => {
      high = x;
      update();
    }).element,
    says,
  ];
}

export const READINGS = [
  {
    title: "Two readings of “30 % are red”",
    sentence:
      "A frequentist reads it as a frequency in many bags, a Bayesian as a degree of belief about an unknown share; with much data they nearly agree.",
    build: readings,
  },
  {
    title: "Priors are subjective, and wash out",
    sentence: "Four people begin with different priors and eat the same 2,620 real candies.",
    build: washing,
  },
  {
    title: "Objectives and algorithms",
    sentence:
      "“Are they the methods that do the optimisation?” MLE and MAP say what to maximise; a formula, a grid, gradient ascent or EM say how.",
    build: algorithms,
  },
  {
    title: "An error: the bag of 110 %",
    sentence:
      "The text that inspired this page has bags with 30 % red, 20 % green, 25 % blue and 35 % yellow candies: an easy mistake, which adding them up reveals.",
    build: overfull,
  },
  {
    title: "An error: the mode of a uniform distribution",
    sentence:
      "“In a uniform distribution the most probable value is the mean” sounds plausible, but every value has the same density.",
    build: uniform,
  },
];
