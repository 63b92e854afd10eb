// Steps on hidden labels: EM, EM with a prior, EM as clustering, and how these are related.

import { h, segments, setText, table } from "../../../dashboard/static/js/dom.js";
import { decimals } from "../../../dashboard/static/js/format.js";
import { counted, divide, expected, readSets, runEm, split } from "./em.js";
import { drag, percent } from "./estimates-single.js";
import { Plot, legend } from "./plot.js";

const COINS = ["A", "B"];
const pair = (thetas) =>
  thetas.map((theta, i) => `${COINS[i]} ${theta === null ? "–" : decimals(theta, 3)}`).join(", ");
const theta = (x) => decimals(x, 2);
const beta = (a) => (a === 1 ? "Beta(1, 1), flat" : `Beta(${a}, ${a})`);

function shared(sets, rows) {
  const cells = sets.map(({ sequence, heads, tosses }, i) => {
    const [a, b] = rows[i].posterior;
    return [
      sequence,
      `${heads} of ${tosses}`,
      percent(a),
      percent(b),
      decimals(a * heads, 1),
      decimals(b * heads, 1),
    ];
  });
  return table(
    "Expected counts",
    [
      ["Set"],
      ["heads"],
      ["P(A)", "num coin-A"],
      ["P(B)", "num coin-B"],
      ["A: heads", "num coin-A"],
      ["B: heads", "num coin-B"],
    ],
    cells,
  );
}

function alternate(data) {
  const { sets } = readSets(data.sets);
  const state = { start: [0.6, 0.5], done: 0 };
  const holder = h("div");
  const says = h("p", { class: "hint" });
  const update = () => {
    const path = runEm(sets, state.start, 15);
    const now = path[state.done];
    holder.replaceChildren(shared(sets, now.rows));
    setText(
      says,
      `After ${state.done} iterations: ${pair(now.thetas)}; log likelihood ${decimals(now.logLikelihood, 3)}. E-step: the table divides every set between the coins according to these values. M-step: expected heads ÷ expected tosses give ${pair(now.sums.map(({ heads, tosses }) => divide(heads, tosses)))}.`,
    );
  };
  update();
  const set = (coin) => (x) => {
    state.start = state.start.map((old, i) => (i === coin ? x : old));
    update();
  };
  return [
    holder,
    drag("em-iterations", "Iterations", 0, 15, 1, 0, String, (x) => {
      state.done = x;
      update();
    }).element,
    drag("em-a", "Start of A", 0.01, 0.99, 0.01, 0.6, theta, set(0)).element,
    drag("em-b", "Start of B", 0.01, 0.99, 0.01, 0.5, theta, set(1)).element,
    says,
  ];
}

function withPrior(data) {
  const { sets } = readSets(data.sets);
  let a = 3;
  const says = h("p", { class: "hint" });
  const path = () => runEm(sets, [0.6, 0.5], 30, a);
  const plot = new Plot("Estimates by iteration, with and without a prior", 200, () => {
    plot.range = [0, 30];
    for (const [i, name] of COINS.entries()) {
      plot.line(
        "likelihood",
        runEm(sets, [0.6, 0.5], 30).map(({ thetas }, k) => [k, thetas[i]]),
      );
      plot.line(
        name,
        path().map(({ thetas }, k) => [k, thetas[i]]),
      );
      plot.point(name, 30, path().at(-1).thetas[i]);
    }
    plot.axis([0, 10, 20, 30], String);
  });
  const update = () => {
    plot.update();
    setText(
      says,
      `EM: ${pair(runEm(sets, [0.6, 0.5], 30).at(-1).thetas)}. EM with ${beta(a)}: ${pair(path().at(-1).thetas)}: the M-step adds ${decimals(a - 1, 1)} imagined heads and as many tails to the expected ones, and each iteration raises the posterior density instead of the likelihood.`,
    );
  };
  update();
  return [
    plot.element,
    legend(
      ["line", "A", "A, with the prior"],
      ["line", "B", "B, with the prior"],
      ["line", "likelihood", "without the prior"],
    ),
    drag("em-prior", "Prior", 1, 20, 0.5, a, beta, (x) => {
      a = x;
      update();
    }).element,
    says,
  ];
}

// The nearer centre receives everything, as in k-means.
const hardened = (rows) =>
  rows.map((row) => ({
    ...row,
    posterior: row.posterior[0] >= row.posterior[1] ? [1, 0] : [0, 1],
  }));

function clustering(data) {
  const { sets } = readSets(data.sets);
  const state = { centres: [0.6, 0.5], hard: false, rounds: 0 };
  const says = h("p", { class: "hint" });
  const now = () => {
    let centres = state.centres;
    let rows = [];
    for (let i = 0; i <= state.rounds; i += 1) {
      if (i)
        centres = expected(sets, rows).map(
          ({ heads, tosses }, coin) => divide(heads, tosses) ?? centres[coin],
        );
      rows = split(sets, centres, [0.5, 0.5]);
      if (state.hard) rows = hardened(rows);
    }
    return { centres, rows };
  };
  const plot = new Plot("Sets on a line, divided between two centres", 190, () => {
    const { centres, rows } = now();
    plot.top = 1;
    sets.forEach(({ heads, tosses }, i) => {
      const x = heads / tosses;
      const y = 0.15 + 0.12 * i;
      const a = rows[i].posterior[0];
      plot.line("A", [
        [x - 0.03, y],
        [x - 0.03 + 0.06 * a, y],
      ]);
      plot.line("B", [
        [x - 0.03 + 0.06 * a, y],
        [x + 0.03, y],
      ]);
    });
    plot.marks(...COINS.map((name, i) => [name, centres[i], `centre ${name}`]));
    plot.axis([0, 0.2, 0.4, 0.6, 0.8, 1], percent);
  }, 2);
  const update = () => {
    plot.update();
    setText(
      says,
      `Each set is a bar at its share of heads, divided between the clusters. Centres after ${state.rounds} rounds: ${pair(now().centres)}. ${state.hard ? "Each set goes entirely to one centre, as in k-means." : "A set between the centres belongs to both."}`,
    );
  };
  update();
  const set = (coin) => (x) => {
    state.centres = state.centres.map((old, i) => (i === coin ? x : old));
    update();
  };
  return [
    plot.element,
    drag("centre-a", "Centre A", 0.01, 0.99, 0.01, 0.6, theta, set(0)).element,
    drag("centre-b", "Centre B", 0.01, 0.99, 0.01, 0.5, theta, set(1)).element,
    drag("rounds", "Rounds", 0, 15, 1, 0, String, (x) => {
      state.rounds = x;
      update();
    }).element,
    segments(
      "Assignment",
      [
        ["soft", "Share sets (EM)"],
        ["hard", "Choose one (k-means)"],
      ],
      "soft",
      (one) => {
        state.hard = one === "hard";
        update();
      },
    ),
    says,
  ];
}

function unequal(data) {
  const { sets } = readSets(data.sets);
  let weight = 0.5;
  const holder = h("div");
  const says = h("p", { class: "hint" });
  const update = () => {
    const rows = split(sets, [0.8, 0.45], [weight, 1 - weight]);
    holder.replaceChildren(shared(sets, rows));
    const learned = runEm(sets, [0.8, 0.45], 50, 1, true).at(-1).weights[0];
    setText(
      says,
      `If A is picked with probability ${percent(weight)}, the shares change: EM requires a model of the data, and neither the data nor the coins have to be uniform. The probability of picking A can even be learned: ${percent(learned, 1)}.`,
    );
  };
  update();
  return [
    holder,
    drag("pick", "P(pick A)", 0.05, 0.95, 0.05, weight, percent, (x) => {
      weight = x;
      update();
    }).element,
    says,
  ];
}

function relation(data) {
  const { sets } = readSets(data.sets);
  const state = { known: true, a: 1 };
  const says = h("p", { class: "narration" });
  const holder = h("div");
  const update = () => {
    const name = `${state.known ? "" : "EM for the "}${state.a === 1 ? "MLE" : "MAP"}`;
    const thetas = state.known
      ? counted(sets).map(({ heads, tosses }) => divide(heads, tosses, state.a))
      : runEm(sets, [0.6, 0.5], 50, state.a).at(-1).thetas;
    setText(
      says,
      `${state.known ? "Labels known" : "Labels hidden"}, prior ${beta(state.a)}: ${name}, ${pair(thetas)}.`,
    );
    const rows = [
      ["flat prior", "MLE: one division", "EM: share and divide, repeat"],
      [
        "prior",
        "MAP: one division with imagined tosses",
        "EM with a prior: share and divide with imagined tosses",
      ],
    ];
    holder.replaceChildren(
      table(
        "Objectives and algorithms",
        [["Objective"], ["labels known"], ["labels hidden"]],
        rows,
      ),
    );
  };
  update();
  return [
    says,
    holder,
    drag("all-prior", "Prior", 1, 10, 0.5, 1, beta, (x) => {
      state.a = x;
      update();
    }).element,
    segments(
      "Labels",
      [
        ["known", "Labels known"],
        ["hidden", "Labels hidden"],
      ],
      "known",
      (one) => {
        state.known = one === "known";
        update();
      },
    ),
  ];
}

export const HIDDEN = [
  {
    title: "EM: alternate expected counts and estimates",
    sentence:
      "Each set is ten tosses of coin A or of coin B, without a note of which: EM shares every set between the coins by Bayes’ rule (E-step), estimates each coin from its shares (M-step), and repeats; no iteration lowers the likelihood.",
    build: alternate,
  },
  {
    title: "EM with a prior",
    sentence: "EM increases any such objective: with a prior it finds a MAP instead of an MLE.",
    build: withPrior,
  },
  {
    title: "EM as clustering",
    sentence:
      "If the hidden label is a cluster, EM moves each centre to the mean of the sets, weighted by the responsibilities (the probabilities that they belong to the cluster).",
    build: clustering,
  },
  {
    title: "An error: “EM assumes uniform data”",
    sentence:
      "EM starts from a guess and assumes a model, in which equal probabilities are only one choice.",
    build: unequal,
  },
  {
    title: "How they are related",
    sentence:
      "MLE and MAP are objectives, with and without a prior; EM is an algorithm for either of them when something is hidden.",
    build: relation,
  },
];
