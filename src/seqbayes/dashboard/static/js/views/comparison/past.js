// The histories of the compared keys, or of the differences between them.

import { get, part, query } from "../../api.js";
import { History, prepare, storedLevel } from "../../charts/history.js";
import { h, segments, setText } from "../../dom.js";
import { differenceOf, keyName, plain, thresholdOf } from "../../format.js";
import { parameter } from "../../level.js";
import { instant } from "../../rows.js";
import { downloaded, panel } from "./panel.js";

const SHOWN = [
  ["values", "Values"],
  ["differences", "Differences"],
];

export class Past {
  curves = [];
  shown = "values";
  drawn = "values";

  constructor(keys) {
    this.keys = keys;
    this.history = new History();
    this.stored = h("p", { class: "muted" });
    this.choice = segments("History of", SHOWN, this.shown, (shown) => {
      this.shown = shown;
      this.#load();
    });
    this.element = panel(
      [h("div", { class: "titled" }, h("h2", null, "History"), this.choice), this.history.tools],
      this.history.element,
      this.stored,
      downloaded(keys, "history", () => this.history.element, () => this.#rows()),
    );
  }

  get #different() {
    return this.shown === "differences";
  }

  /** Load the histories of the keys of an answer of GET /api/compare. */
  load(answer, level, signal) {
    Object.assign(this, { answer, level, signal });
    return this.#load();
  }

  async #load() {
    const { answer, level, shown } = this;
    const { belief, label, labelled, measured } = this.keys;
    const against = this.#different ? answer.reference : null;
    const parameters = query({
      keys: answer.keys.filter((id) => id !== against),
      part: labelled ? label : null,
      level: parameter(level),
      against,
    });
    prepare();
    let found;
    let none = this.#different
      ? "The history of these keys has no states, so differences cannot be computed."
      : "There is no history of these keys yet.";
    try {
      found = await get(`/api/history/${part(belief.name)}${parameters}`, this.signal);
    } catch (error) {
      if (error.status !== 422) {
        if (error.name !== "AbortError") this.#keep();
        return;
      }
      found = { curves: [], marks: [] }; // a label that one of the keys does not have
      none = "One of these keys has no history of this label.";
    }
    if (answer !== this.answer || level !== this.level || shown !== this.shown) return;
    this.drawn = shown;
    const sign = measured === "log" ? "÷" : "−";
    const than = against === null ? "" : ` ${sign} ${this.keys.name(against)}`;
    this.curves = found.curves.map((curve) => ({
      ...curve,
      name: `${keyName(curve.key, belief.name)}${than}`,
      place: answer.keys.indexOf(curve.id),
    }));
    const [written, line] = this.#different
      ? [differenceOf(measured), 0]
      : [measured, thresholdOf(belief)];
    this.history.update(this.curves, written, { marks: found.marks, none, level: line });
    setText(this.stored, this.#note());
  }

  // While the server is unavailable, the known history remains.
  #keep() {
    this.shown = this.drawn;
    this.choice.select(this.shown);
  }

  #note() {
    if (!this.#different) return storedLevel(this.curves, this.level);
    const what = this.keys.measured === "log" ? "Ratio" : "Difference";
    const unit = this.keys.measured === "share" ? " in percentage points" : "";
    return this.curves.length ? `${what}${unit}, with its interval.` : "";
  }

  #rows() {
    const of = plain(this.keys.measured);
    const rows = this.curves.flatMap(({ name, t, mean, low, high, level }) =>
      t.map((time, i) => [
        name,
        instant(time),
        ...[mean, low, high].map((ys) => of(ys[i])),
        level,
      ]),
    );
    return [["key", "time", "mean", "low", "high", "level"], ...rows];
  }

  close() {
    this.history.close();
  }
}
