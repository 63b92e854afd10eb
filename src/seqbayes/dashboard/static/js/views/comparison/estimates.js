// Each of the compared keys: estimates on one axis, densities, and numbers.

import { detailPath } from "../../api.js";
import { estimates } from "../../charts/forest.js";
import { Overlay } from "../../charts/overlay.js";
import { h, setText, table } from "../../dom.js";
import { count, exists, percent, plain } from "../../format.js";
import { term } from "../../glossary.js";
import { quantityName } from "./keys.js";
import { downloaded, panel } from "./panel.js";

/** The numbers of the arms as rows for a file; logarithms as their exponentials. */
export function armRows(keys, { arms, level }) {
  const of = plain(keys.measured);
  const heads = ["key", "n", "observed", "mean", "median", `low ${level}`, `high ${level}`, "P(best)", "expected loss", `loss low ${level}`, `loss high ${level}`, "P(above threshold)"]; // prettier-ignore
  return [
    heads,
    ...arms.map((arm) => [
      ...[keys.name(arm.key), keys.card(arm.key).n, keys.observed(arm.key, keys.written())],
      ...[of(arm.mean), of(arm.median), ...arm.interval.map(of), arm.p_best, arm.loss, ...arm.loss_interval, arm.p_above],
    ]),
  ];
}

/** Whether a mean does not exist, so that the median is shown. */
const infinite = (arms) => arms.some(({ mean }) => !exists(mean));

/** The range of values that are equivalent to the reference, or null. */
function bandOf({ belief: { equivalence }, measured }, { arms, reference }) {
  const centre = arms.find(({ key }) => key === reference).mean;
  if (!exists(equivalence) || !exists(centre)) return null;
  const reach = measured === "log" ? Math.log1p(equivalence) : equivalence;
  return [centre - reach, centre + reach];
}

/** The estimates with their intervals on one axis. */
export class Estimates {
  constructor(keys) {
    this.keys = keys;
    this.span = h("p");
    this.chart = h("div");
    this.element = panel(
      [h("h2", null, "Estimates"), this.span],
      this.chart,
      downloaded(keys, "estimates", () => this.chart, () => armRows(keys, this.answer)),
    );
  }

  update(answer, lowest) {
    this.answer = answer;
    const { arms, level } = answer;
    const { unit } = this.keys.belief;
    const { quantity } = this.keys;
    const what = quantity === null ? "" : ` of the ${quantityName(quantity)} of observations`;
    setText(this.span, `${percent(level)} intervals${what}${unit ? `, in ${unit}` : ""}${infinite(arms) ? "; medians" : ""}`);
    const written = this.keys.written(arms[0].interval);
    const { threshold } = this.keys;
    const band = bandOf(this.keys, answer);
    const named = (id) => this.keys.named(id);
    this.chart.replaceChildren(
      estimates(arms, { named, written, lowest, threshold, band }),
      threshold === null && !band
        ? ""
        : h(
            "p",
            { class: "hint" },
            threshold === null ? "" : term("threshold", `Line: threshold ${written.text(threshold)}`),
            band ? term("equivalence", "Band: equivalent to the reference") : "",
          ),
    );
  }
}

/** The posterior densities of all keys in one plot. */
export class Densities {
  constructor(keys) {
    this.keys = keys;
    this.overlay = new Overlay();
    this.element = panel(
      [h("h2", null, "Posterior densities")],
      this.overlay.element,
      downloaded(keys, "densities", () => this.overlay.element, () => this.#rows()),
    );
  }

  update() {
    const { cards, measured, threshold, quantity } = this.keys;
    this.element.hidden = quantity !== null; // the densities are those of the parameter
    const names = cards.map(({ id }) => this.keys.name(id));
    this.overlay.update(cards, names, measured, threshold);
  }

  #rows() {
    const of = plain(this.keys.measured);
    const rows = this.keys.cards.flatMap(({ id, density }) =>
      (density?.x ?? []).map((x, i) => [this.keys.name(id), of(x), density.posterior[i]]),
    );
    return [["key", "value", "density"], ...rows];
  }

  close() {
    this.overlay.close();
  }
}

/** The table of the compared keys. */
export class Numbers {
  constructor(keys) {
    this.keys = keys;
    this.table = h("div");
    this.element = panel([h("h2", null, "In numbers")], this.table);
  }

  update(answer, level) {
    const { cards, belief } = this.keys;
    const compared = this.keys.quantity !== null && answer;
    const written = this.keys.written((compared ? answer.arms : cards)[0]?.interval);
    const shown = answer?.level ?? level; // the server may not have answered yet
    const arms = new Map(answer?.arms.map((arm) => [arm.key, arm]));
    const middle = ({ mean, median }) => mean ?? median;
    const rows = cards.map(({ id, n, interval, ...card }) => [
      h("a", { href: detailPath(belief.name, id) }, this.keys.named(id)),
      count(n),
      this.keys.observed(id, written),
      written.text(middle(arms.get(id) ?? card)),
      written.range(arms.get(id)?.interval ?? interval),
    ]);
    const columns = [
      ["Key", "key"],
      ["n", "num lesser"],
      ["Observed", "num"],
      [written.log || infinite(cards) ? "Median" : "Mean", "num"],
      [`${percent(shown)} interval`, "num"],
    ];
    this.table.replaceChildren(table("The keys compared", columns, rows));
  }
}
