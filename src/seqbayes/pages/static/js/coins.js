// The lesson on two coins: MLE and MAP with labels, EM without them.

import { button, h, segments, setText } from "../../../dashboard/static/js/dom.js";
import { decimals, signed } from "../../../dashboard/static/js/format.js";
import { Sets, Three, Which } from "./coins-panels.js";
import { counted, divide, readSets, runEm } from "./em.js";
import {
  Steps,
  mount,
  onAddress,
  panel,
  readAddress,
  readData,
  slider,
  writeAddress,
} from "./frame.js";

const OBJECTIVES = [
  ["likelihood", "the likelihood (EM)"],
  ["posterior", "the posterior (EM with a prior)"],
];

class CoinsLesson {
  constructor(data) {
    this.data = data;
    this.state = this.#readState();
    this.sets = new Sets();
    this.which = new Which();
    this.three = new Three();
    this.says = h("p", { class: "narration", "aria-live": "polite" });
    this.steps = new Steps({ unit: "Step", total: 1, change: () => this.#draw(), pace: () => 1 });
    this.#controls();
    onAddress(() => this.#follow());
  }

  #readState() {
    const { data } = this;
    const address = readAddress();
    const start = (address.get("start") ?? "").split(",").map(Number);
    const valid = start.length === 2 && start.every((theta) => theta > 0 && theta < 1);
    const weight = Number(address.get("prior"));
    const { sets, wrong } = readSets(address.get("sets") ?? "");
    return {
      start: valid ? start : data.start,
      prior: weight >= 1 && weight <= 20 ? weight : data.prior,
      objective:
        ["likelihood", "posterior"].find((one) => one === address.get("objective")) ?? data.objective,
      sets: sets.length && !wrong ? address.get("sets") : data.sets,
    };
  }

  #controls() {
    const { start, prior, objective, sets } = this.state;
    const heads = (coin) =>
      slider({
        id: `start-${coin}`,
        name: `Start of ${"AB"[coin]}`,
        min: 0.01,
        max: 0.99,
        step: 0.01,
        value: start[coin],
        text: (theta) => decimals(theta, 2),
        act: (theta) =>
          this.#set({ start: this.state.start.map((old, i) => (i === coin ? theta : old)) }),
      });
    this.starts = [heads(0), heads(1)];
    this.weight = slider({
      id: "prior",
      name: "Prior",
      min: 1,
      max: 10,
      step: 0.5,
      value: prior,
      text: (a) => (a === 1 ? "Beta(1, 1), flat" : `Beta(${a}, ${a})`),
      act: (a) => this.#set({ prior: a }),
    });
    this.objective = segments("EM maximises", OBJECTIVES, objective, (one) =>
      this.#set({ objective: one }),
    );
    this.problem = h("p", { class: "refusal", role: "alert", hidden: true });
    this.field = h(
      "textarea",
      { id: "sets", class: "text-field", rows: 5, spellcheck: "false" },
      this.#lines(sets),
    );
    this.field.addEventListener("input", () => this.#typed());
  }

  #lines(text) {
    return readSets(text)
      .sets.map(({ coin, sequence }) => `${coin}${sequence}`)
      .join("\n");
  }

  #typed() {
    const { sets, wrong } = readSets(this.field.value);
    const reason = wrong
      ? `expected A or B, then H and T, such as AHHTH, got ${wrong}`
      : sets.length
        ? ""
        : "expected at least one set";
    this.problem.hidden = reason === "";
    setText(this.problem, reason);
    if (reason === "")
      this.#set({ sets: sets.map(({ coin, sequence }) => coin + sequence).join(",") });
  }

  #follow() {
    this.state = this.#readState();
    const { start, prior, objective, sets } = this.state;
    this.starts.forEach((one, i) => one.set(start[i]));
    this.weight.set(prior);
    this.objective.select(objective);
    this.field.value = this.#lines(sets);
    this.#learn();
    this.steps.go(Number(readAddress().get("step")));
  }

  #set(change) {
    Object.assign(this.state, change);
    this.#learn();
    this.steps.go(this.steps.step);
  }

  #learn() {
    const { sets, start, prior, objective } = this.state;
    const { iterations, learnWeights } = this.data;
    this.tossed = readSets(sets).sets;
    const a = objective === "posterior" ? prior : 1;
    this.path = runEm(this.tossed, start, iterations, a, learnWeights);
    this.known = counted(this.tossed);
    // Steps: rows with labels, MLE, MAP, start, rows without labels, sums, M-step, then iterations.
    this.plan = [
      ["start"],
      ...this.tossed.map((_, i) => ["known", i]),
      ["mle"],
      ["map"],
      ["hide"],
      ...this.tossed.map((_, i) => ["row", i]),
      ...this.path.slice(1).flatMap((_, i) => [
        ["sums", i],
        ["divide", i],
      ]),
    ];
    this.steps.resize(this.plan.length - 1);
  }

  #draw() {
    const { step } = this.steps;
    const { start, prior, objective, sets } = this.state;
    this.steps.link.href = writeAddress({
      step,
      start: start.join(","),
      prior,
      objective,
      sets: sets === this.data.sets ? null : sets,
    });
    const [kind, index = 0] = this.plan[step];
    const labelled = ["start", "known", "mle", "map"].includes(kind);
    this.#rows(kind, index, labelled);
    this.#estimates(kind, index, labelled);
    setText(this.says, this.#sentence(kind, index));
  }

  #rows(kind, index, labelled) {
    const { tossed, path, known } = this;
    const all = labelled
      ? tossed.map(({ coin }) => ({ posterior: coin === "A" ? [1, 0] : [0, 1] }))
      : path[kind === "row" ? 0 : index].rows;
    const shown = { start: 0, known: index + 1, hide: 0, row: index + 1 }[kind] ?? tossed.length;
    const summed =
      { mle: known, map: known, sums: path[index].sums, divide: path[index].sums }[kind] ?? null;
    this.sets.update(tossed, all.slice(0, shown), summed, labelled);
    const current = kind === "row" || kind === "known" ? index : 0;
    this.which.update(tossed[current], current + 1, shown ? all[current] : null);
  }

  #estimates(kind, index, labelled) {
    const { known, path, plan, state } = this;
    const at = plan.findIndex(([one]) => one === "map");
    const reached = (name) => plan.findIndex(([one]) => one === name) <= this.steps.step;
    const done = labelled ? 0 : { hide: 1, row: 1, sums: index + 1, divide: index + 2 }[kind];
    const field = state.objective === "posterior" ? "logPosterior" : "logLikelihood";
    const heights = path.map((one) => one[field]);
    const pair = (a) => known.map(({ heads, tosses }) => divide(heads, tosses, a));
    const fraction = (a) =>
      known
        .map(
          ({ heads, tosses }) =>
            `${decimals(heads + a - 1, 1)} ÷ ${decimals(tosses + 2 * a - 2, 1)}`,
        )
        .join(", ");
    const name = state.objective === "posterior" ? "EM with the prior" : "EM";
    this.three.update({
      rows: [
        ["MLE, coins known", `heads ÷ tosses: ${fraction(1)}`, reached("mle") ? pair(1) : null],
        [
          "MAP, coins known",
          `with imagined tosses: ${fraction(state.prior)}`,
          this.steps.step >= at ? pair(state.prior) : null,
        ],
        [
          name,
          done > 0 ? `coins unknown, ${done - 1} iterations` : "coins unknown",
          done > 0 ? path[done - 1].thetas : null,
        ],
      ],
      path: path.slice(0, done),
      objective: {
        field,
        term: state.objective,
        name: state.objective === "posterior" ? "log posterior" : "log likelihood",
        low: Math.min(...heights),
        high: Math.max(...heights),
      },
      iterations: this.data.iterations,
    });
  }

  #sentence(kind, index) {
    const { path, known, tossed, state } = this;
    const both = (pair) =>
      pair
        .map((theta, i) => `${"AB"[i]} ${theta === null ? "unknown" : decimals(theta, 3)}`)
        .join(", ");
    const set = tossed[index];
    const field = state.objective === "posterior" ? "logPosterior" : "logLikelihood";
    const name = state.objective === "posterior" ? "log posterior" : "log likelihood";
    return {
      start: () =>
        "Two coins have unknown probabilities of heads. At first a label says which coin was tossed in each set.",
      known: () =>
        `Set ${index + 1} was tossed with ${set.coin}: its ${set.heads} heads and ${set.tosses - set.heads} tails count for ${set.coin} alone.`,
      mle: () =>
        `MLE: heads divided by tosses is the probability under which the tosses are most probable: ${both(known.map(({ heads, tosses }) => divide(heads, tosses)))}.`,
      map: () =>
        `MAP: the prior Beta(${state.prior}, ${state.prior}) adds ${decimals(state.prior - 1, 1)} imagined heads and as many tails to each coin: ${both(known.map(({ heads, tosses }) => divide(heads, tosses, state.prior)))}.`,
      hide: () => `Now the labels are removed. EM starts from a guess: ${both(path[0].thetas)}.`,
      row: () =>
        `E-step, set ${index + 1}: the guess decides which coin is more probable, ${both(path[0].rows[index].posterior)}, and the tosses are shared in this proportion.`,
      sums: () =>
        `E-step of iteration ${index + 1}: the shares of all sets add up to expected heads and tosses of each coin.`,
      divide: () =>
        `M-step of iteration ${index + 1}: expected heads divided by expected tosses${state.objective === "posterior" ? ", with the imagined ones," : ""} are the next estimates: ${both(path[index + 1].thetas)}; ${name} ${signed(path[index + 1][field])}.`,
    }[kind]();
  }

  mount() {
    mount(
      "Two coins: which was tossed?",
      `${this.data.source}. Step forward: first the coins are known, then they are not.`,
      h("div", { class: "board-top" }, this.steps.element, this.says),
      this.sets.element,
      this.which.element,
      this.three.element,
      panel(
        "Drag: start, prior and objective",
        "From equal starting values the coins always remain equal; if the starting values are exchanged, so are the names.",
        ...this.starts.map((one) => one.element),
        this.weight.element,
        h(
          "div",
          { class: "chooser" },
          h("span", { class: "muted" }, "EM maximises"),
          h("div", { class: "scroll" }, this.objective),
        ),
      ),
      panel(
        "Your tosses",
        "One set per line: the coin that was tossed, A or B, then its tosses, H or T. EM does not use the first letter.",
        h("label", { for: "sets", class: "visually-hidden" }, "Sets of tosses"),
        this.field,
        this.problem,
        button("The published tosses", {
          onclick: () => {
            this.field.value = this.#lines(this.data.sets);
            this.#typed();
          },
        }),
      ),
    );
    this.#follow();
  }
}

new CoinsLesson(readData()).mount();
