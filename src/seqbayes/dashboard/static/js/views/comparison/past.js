// The history of the compared keys.

import { get, part, query } from "../../api.js";
import { History, storedLevel } from "../../charts/history.js";
import { h, setText } from "../../dom.js";
import { keyName, plain } from "../../format.js";
import { parameter } from "../../level.js";
import { downloaded, panel } from "./panel.js";

export class Past {
  curves = [];

  constructor(keys) {
    this.keys = keys;
    this.history = new History();
    this.stored = h("p", { class: "muted" });
    this.element = panel(
      [h("h2", null, "History"), this.history.tools],
      this.history.element,
      this.stored,
      downloaded(keys, "history", () => this.history.element, () => this.#rows()),
    );
  }

  /** Load the histories with intervals of a level. */
  async load(level, signal) {
    const { ids, belief, label, labelled, measured } = this.keys;
    this.level = level;
    const asked = query({ keys: ids, part: labelled ? label : null, level: parameter(level) });
    let found;
    try {
      found = await get(`/api/history/${part(belief.name)}${asked}`, signal);
    } catch (error) {
      if (error.name === "AbortError" || error.status === 404) return;
      found = { curves: [], marks: [] }; // a label that one of the keys does not have
    }
    if (ids !== this.keys.ids || level !== this.level) return;
    this.curves = found.curves.map((curve) => ({ ...curve, name: keyName(curve.key, belief.name) }));
    const none = "There is no history of all of these keys.";
    this.history.update(this.curves, measured, { marks: found.marks, none });
    setText(this.stored, storedLevel(this.curves, level));
  }

  #rows() {
    const of = plain(this.keys.measured);
    const rows = this.curves.flatMap(({ name, t, mean, low, high, level }) =>
      t.map((time, i) => [
        name,
        new Date(1000 * time).toISOString(),
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
