// The parts of the lesson on two coins, each of which draws a step.

import { h, setText, table } from "../../../dashboard/static/js/dom.js";
import { decimals, signed } from "../../../dashboard/static/js/format.js";
import { panel } from "./frame.js";
import { Plot, legend } from "./plot.js";
import { rule } from "./terms.js";

const COINS = ["A", "B"];

const coin = (name, text = name) => h("b", { class: `coin-${name}` }, text);

/** The tosses of a set; the first part, which coin A receives, is underlined. */
function tosses(sequence, share) {
  const bar = h("span", { class: "share-bar", "aria-hidden": "true" });
  if (share !== null) {
    bar.append(h("i", { class: "for-A" }), h("i", { class: "for-B" }));
    bar.firstChild.style.flexGrow = String(share);
    bar.lastChild.style.flexGrow = String(1 - share);
  }
  return h("span", { class: "sequence" }, h("span", { class: "mono" }, sequence), bar);
}

/** The table of the E-step. */
export class Sets {
  constructor() {
    this.holder = h("div");
    this.element = panel(
      "Each toss belongs to one coin, or is divided between both",
      "The heads and tails of a set are multiplied by the probability of each coin. The products are the expected counts: averages over both possibilities, weighted by their probabilities.",
      this.holder,
    );
  }

  /** @param {Array} rows the responsibilities of the sets shown; @param {Array} sums or null */
  update(sets, rows, sums, known) {
    const cells = sets.map((set, i) => {
      const share = rows[i]?.posterior[0] ?? null;
      const part = (coinShare, n) => (share === null ? "" : decimals(coinShare * n, 1));
      return [
        `${i + 1}${known ? ` (${set.coin})` : ""}`,
        tosses(set.sequence, share),
        share === null ? "" : decimals(share, 2),
        share === null ? "" : decimals(1 - share, 2),
        part(share, set.heads),
        part(share, set.tosses - set.heads),
        part(1 - share, set.heads),
        part(1 - share, set.tosses - set.heads),
      ];
    });
    if (sums) {
      const counts = sums.flatMap(({ heads, tosses: all }) => [heads, all - heads]);
      cells.push([
        "sum",
        "",
        ...sums.map((one) => decimals(one.sets, 1)),
        ...counts.map((n) => decimals(n, 1)),
      ]);
    }
    const heads = [
      ["Set"],
      ["Tosses"],
      ["P(A)", "num coin-A"],
      ["P(B)", "num coin-B"],
      ["A: heads", "num coin-A"],
      ["tails", "num coin-A"],
      ["B: heads", "num coin-B"],
      ["tails", "num coin-B"],
    ];
    this.holder.replaceChildren(
      table("Tosses of every set, divided between the coins", heads, cells, {
        class: sums ? "summed" : "",
      }),
    );
  }
}

/** Which coin? Bayes' rule for one set. */
export class Which {
  constructor() {
    this.rules = h("div", { class: "two-rules" });
    this.says = h("p", { class: "sentence" });
    this.element = panel("Which coin? Bayes’ rule for one set", null, this.says, this.rules);
  }

  update(set, number, row) {
    if (!row?.likelihood) {
      setText(
        this.says,
        row
          ? "The coin is known: the whole set belongs to it."
          : "As long as the coins are known, no rule is needed: each set belongs to its coin.",
      );
      return this.rules.replaceChildren();
    }
    const [a, b] = row.likelihood;
    const [more, less] = a >= b ? ["A", "B"] : ["B", "A"];
    const ratio = Math.max(a, b) / Math.min(a, b);
    this.says.replaceChildren(
      `Set ${number} has ${set.heads} heads in ${set.tosses} tosses, ${decimals(ratio, 1)} times as probable with `,
      coin(more),
      " as with ",
      coin(less),
      `. Assigning the set to ${more} alone would claim a certainty that the tosses do not support, so ${more} receives ${decimals(100 * Math.max(...row.posterior), 0)} % of every toss: on average over many sets like this one, ${more} would have produced this share of the tosses, the expected share.`,
    );
    return this.rules.replaceChildren(
      ...COINS.map((name, i) =>
        h(
          "div",
          null,
          h("h3", { class: `coin-${name}` }, `Coin ${name}`),
          rule({
            prior: row.prior[i],
            likelihood: row.likelihood[i],
            evidence: row.evidence,
            posterior: row.posterior[i],
          }),
        ),
      ),
    );
  }
}

/** MLE, MAP and EM on the same data. */
export class Three {
  constructor() {
    this.plot = new Plot("", 150, () => this.#draw());
    this.holder = h("div");
    this.legend = h("div");
    this.element = panel(
      "MLE, MAP and EM on the same data",
      "With labels one division is enough; a prior adds imagined tosses; without labels EM alternates between sharing the tosses and dividing heads by tosses.",
      this.holder,
      this.plot.element,
      this.legend,
    );
  }

  update({ rows, path, objective, iterations }) {
    Object.assign(this, { path, objective, iterations });
    const shown = (pair) =>
      pair
        ? pair.map((theta) => (theta === null ? "does not exist" : decimals(theta, 3)))
        : ["–", "–"];
    const cells = rows.map(([name, how, pair]) => [name, how, ...shown(pair)]);
    this.holder.replaceChildren(
      table(
        "Estimates of the probability of heads",
        [["Estimate"], ["How"], ["A", "num coin-A"], ["B", "num coin-B"]],
        cells,
      ),
    );
    this.legend.replaceChildren(
      legend(
        ["line", "A", "probability of heads of A, by iteration"],
        ["line", "B", "of B"],
        ["line", objective.term, `${objective.name}, which no iteration lowers (scaled)`],
      ),
    );
    const last = path.at(-1);
    this.plot.describe(
      last
        ? `After ${path.length - 1} iterations: A ${decimals(last.thetas[0], 3)}, B ${decimals(last.thetas[1], 3)}, ${objective.name} ${signed(last[objective.field])}`
        : "EM has not started",
    );
    this.plot.update();
  }

  #draw() {
    const { plot, path, objective, iterations } = this;
    plot.range = [0, iterations];
    plot.top = 1;
    for (const [i, name] of COINS.entries()) {
      plot.line(
        name,
        path.map(({ thetas }, k) => [k, thetas[i]]),
      );
      if (path.length) plot.point(name, path.length - 1, path.at(-1).thetas[i]);
    }
    const heights = path.map((state) => state[objective.field]);
    const [low, high] = [objective.low, objective.high];
    const scale = (y) => 0.05 + (0.35 * (y - low)) / (high - low || 1);
    plot.line(
      objective.term,
      heights.map((y, k) => [k, scale(y)]),
    );
    const step = Math.max(1, Math.ceil(iterations / 10));
    plot.axis(
      Array.from({ length: Math.floor(iterations / step) + 1 }, (_, k) => k * step),
      String,
    );
  }
}
