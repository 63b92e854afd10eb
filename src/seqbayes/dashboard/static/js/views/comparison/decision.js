// The decision between the compared keys: a verdict, P(best), differences, and the cost of each choice.

import { bests, forest } from "../../charts/forest.js";
import { h, setText, table } from "../../dom.js";
import { exists, number, percent, probability } from "../../format.js";
import { term } from "../../glossary.js";
import { contrast, loss, tested, verdict } from "../verdict.js";
import { armRows } from "./estimates.js";
import { downloaded, panel } from "./panel.js";

/** The verdict in one sentence, with the check of the planned shares. */
export class Conclusion {
  constructor(keys) {
    this.keys = keys;
    this.verdict = h("p", { class: "verdict-text", role: "status" });
    this.ratio = h("p", { class: "hint", role: "status" });
    this.element = h(
      "section",
      { class: "panel conclusion" },
      this.verdict,
      this.ratio,
      h("p", { class: "hint" }, term("anytime-valid test"), " ", term("credible interval")),
    );
  }

  /** Show the verdict of an answer; return its tone. */
  update(answer) {
    const name = (id) => this.keys.name(id);
    const written = this.keys.written(answer.arms[0].interval);
    const { tone, lead, rest } = verdict(answer, { name, written, belief: this.keys.belief });
    const text = `${rest} ${tested(answer, name)}`;
    if (this.verdict.textContent !== `${lead} ${text}`)
      this.verdict.replaceChildren(h("b", null, lead), ` ${text}`);
    const ratio = answer.sample_ratio;
    setText(this.ratio, planned(ratio));
    this.ratio.classList.toggle("warned", Boolean(ratio?.mismatch));
    return tone;
  }
}

const planned = (ratio) =>
  ratio ? `${ratio.text[0].toUpperCase()}${ratio.text.slice(1)}.${ratio.mismatch ? " Find the cause before you use these results." : ""}` : ""; // prettier-ignore

/** The probability that each key is the best. */
export class Chances {
  constructor(keys) {
    this.keys = keys;
    this.question = h("h2");
    this.chart = h("div");
    this.element = panel(
      [this.question, h("p", null, term("P(best)"))],
      this.chart,
      downloaded(keys, "best", () => this.chart, () => armRows(keys, this.answer)),
    );
  }

  update(answer) {
    this.answer = answer;
    const { ids } = this.keys;
    setText(this.question, `Probability of being ${answer.lowest ? "lowest" : "highest"}`);
    const ranked = answer.arms
      .map(({ key, p_best: p }) => ({ id: key, p }))
      .sort((a, b) => b.p - a.p);
    this.chart.replaceChildren(bests(ranked, (id) => ids.indexOf(id), (id) => this.keys.named(id)));
  }
}

/** The differences from the reference; for logarithms, the ratios. */
export class Differences {
  constructor(keys) {
    this.keys = keys;
    this.what = h("p");
    this.chart = h("div");
    this.element = panel(
      [h("h2", null, "By how much?"), this.what],
      this.chart,
      downloaded(keys, "differences", () => this.chart, () => this.#rows()),
    );
  }

  get #quantity() {
    return this.keys.measured === "log" ? "ratio" : "difference";
  }

  update({ arms, reference, best, differences, level }) {
    this.level = level;
    setText(this.what, `${this.#quantity}, ${percent(level)} interval`);
    // Without a control, the differences between the best key and each of the others.
    this.pairs =
      reference === best
        ? differences
        : arms.flatMap(({ key, contrast: found }) =>
            found ? [{ pair: [key, reference], mean: found.mean, interval: found.interval }] : [],
          );
    const written = this.keys.written(this.pairs[0]?.interval);
    this.chart.replaceChildren(forest(this.pairs, (id) => this.keys.named(id), written));
  }

  #rows() {
    const of = this.keys.measured === "log" ? Math.exp : (x) => x;
    const rows = this.pairs.map(({ pair, mean, interval }) => [
      ...pair.map((id) => this.keys.name(id)),
      ...[mean, ...(interval ?? [null, null])].map((x) => (exists(x) ? of(x) : null)),
    ]);
    const heads = ["key", "against", this.#quantity, `low ${this.level}`, `high ${this.level}`];
    return [heads, ...rows];
  }
}

/** The expected loss of choosing each key, and its lift. */
export class Costs {
  constructor(keys) {
    this.keys = keys;
    this.table = h("div");
    this.element = panel(
      [h("h2", null, "What a choice costs"), h("p", null, term("expected loss"))],
      this.table,
      downloaded(keys, "choices", () => this.table, () => armRows(keys, this.answer)),
    );
  }

  update(answer) {
    this.answer = answer;
    const { arms, reference } = answer;
    const { unit, equivalence } = this.keys.belief;
    const written = this.keys.written(arms[0].interval);
    const limit = this.keys.threshold;
    const columns = [
      ["Key", "key"],
      ["Expected loss", "num"],
      [term("lift", "Lift"), "num"],
      ...(limit === null ? [] : [[`P(> ${written.text(limit)})`, "num"]]),
      ...(exists(equivalence) ? [["P(equivalent)", "num"]] : []),
    ];
    const equivalent = (arm) =>
      arm.key === reference ? "–" : probability(arm.contrast.p_equivalent);
    const rows = arms.map((arm) => [
      this.keys.named(arm.key),
      [
        loss(arm.loss, written, unit),
        h("div", { class: "muted" }, arm.loss_interval.map((end) => loss(end, written, unit)).join(" to ")),
      ],
      lift(arm.contrast, written, unit),
      ...(limit === null ? [] : [probability(arm.p_above)]),
      ...(exists(equivalence) ? [equivalent(arm)] : []),
    ]);
    this.table.replaceChildren(table("What a choice costs", columns, rows));
  }
}

function lift(found, written, unit) {
  if (!found) return "reference";
  if (!exists(found.lift) || written.log) return contrast(found, written, unit);
  const [low, high] = found.lift_interval.map((end) => number(100 * end, 2));
  const sign = found.lift > 0 ? "+" : "";
  return [`${sign}${number(100 * found.lift, 2)} %`, h("div", { class: "muted" }, `${low} to ${high}`)];
}
