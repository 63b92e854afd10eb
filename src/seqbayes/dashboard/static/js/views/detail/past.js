// The panel with the history of a key or one of its numbers.

import { History, storedLevel } from "../../charts/history.js";
import { h, setText } from "../../dom.js";
import { downloads } from "../../exports.js";
import { measure, measureOf, scale, thresholdOf, visible } from "../../format.js";
import { historyRows } from "../../rows.js";
import * as tables from "../tables.js";

const UNSETTLED_NOTE = "The history of a mixture begins when its components have settled.";

export class PastPanel {
  /**
   * @param {object} belief as GET /api/beliefs describes it
   * @param {object} data as GET /api/beliefs/NAME/KEY returns it
   * @param {object} options
   * @param {string} options.title the title of the page
   * @param {Function} options.select called after the choice of another number
   */
  constructor(belief, data, { title, select }) {
    this.measure = measure(belief);
    this.threshold = thresholdOf(belief);
    this.history = new History();
    this.title = h("h2", null, "History");
    this.choice = choice(data, select);
    this.stored = h("p", { class: "muted" });
    this.past = h("div");
    this.table = h("details", null, h("summary", null, "As a table"), this.past);
    this.table.addEventListener("toggle", () => this.#drawTable());
    const titled = this.choice
      ? h("div", { class: "titled" }, this.title, h("label", { class: "select" }, this.choice))
      : this.title;
    this.element = h(
      "section",
      { class: "panel" },
      h("header", null, titled, this.history.tools),
      this.history.element,
      this.stored,
      this.table,
      downloads(`${title} history`, {
        element: () => this.history.element,
        rows: () => historyRows(this.data.history, this.measure),
      }),
    );
  }

  /** The selected one of several numbers. */
  get part() {
    return this.choice?.value;
  }

  #measured({ part, unit }) {
    return part ? measureOf({ unit }) : this.measure;
  }

  update({ history, marks, interval, settled }, level) {
    if (!history) return;
    this.data = { history, interval };
    const measured = this.#measured(history);
    const followed = history.part ?? (measured === "log" ? "the median" : null);
    const named = this.choice ? "History of" : `History of ${followed}`;
    setText(this.title, followed ? named : "History");
    const none = settled === false ? UNSETTLED_NOTE : undefined;
    this.history.update([history], measured, { marks, none, level: history.part ? null : this.threshold });
    setText(this.stored, storedLevel([history], level));
    this.#drawTable();
  }

  #drawTable() {
    if (!this.table.open) return;
    const { history, interval } = this.data;
    this.past.replaceChildren(tables.past(history, scale(this.#measured(history), interval)));
  }

  close() {
    this.history.close();
  }
}

function choice({ parts, history }, select) {
  if (!(parts?.length > 1)) return null;
  const options = parts.map((name) => h("option", { value: name }, visible(name)));
  const element = h("select", { "aria-label": "History of", onchange: select }, ...options);
  element.value = history.part;
  return element;
}
