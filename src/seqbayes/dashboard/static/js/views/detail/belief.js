// The panel of the belief itself: estimates, the density or bars, and the legend.

import { drawn, labelOf, swatch } from "../../charts/density.js";
import { chartOf, isNumeric } from "../../charts/kinds.js";
import { Marginals } from "../../charts/marginals.js";
import { h, setText } from "../../dom.js";
import { downloads } from "../../exports.js";
import { measure, scale } from "../../format.js";
import { beliefRows } from "../../rows.js";
import { figures } from "../figures.js";
import * as tables from "../tables.js";
import { panel } from "./panel.js";

const PLOT_HEIGHT = 300;

export class BeliefPanel {
  /**
   * @param {object} belief as GET /api/beliefs describes it
   * @param {object} options
   * @param {string} options.title the title of the page
   * @param {boolean} options.store whether the server reads a store, which does not have the last
   * event
   * @param {boolean} options.several whether the belief is about several numbers with densities
   */
  constructor(belief, { title, store, several }) {
    this.belief = belief;
    this.measure = measure(belief);
    this.chart = chartOf(belief.kind, true);
    this.marginals = several ? new Marginals() : null;
    this.figures = h("dl", { class: "figures" });
    this.more = h("dl", { class: "figures" });
    this.details = h("details", null, h("summary", null, "Details"), this.more);
    this.curve = h("div");
    this.table = h("details", null, h("summary", null, "As a table"), this.curve);
    this.table.addEventListener("toggle", () => this.updateTable());
    const numeric = isNumeric(belief.kind);
    this.element = panel(
      "Belief",
      numeric ? this.#legend(drawn(store)) : null,
      this.figures,
      this.marginals?.element,
      this.chart.element,
      numeric ? this.table : null,
      this.details,
      downloads(`${title} belief`, {
        element: () => (this.marginals ?? this.chart).element,
        rows: () => beliefRows(this.card, this.measure),
      }),
    );
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(this.chart.element);
  }

  #fit() {
    const width = this.chart.element.clientWidth;
    if (width) this.chart.resize?.(width, PLOT_HEIGHT);
  }

  #legend(parts) {
    return h(
      "ul",
      { class: "legend", "aria-label": "Curves" },
      ...parts.map((name) => h("li", null, this.#switcher(name))),
    );
  }

  #switcher(name) {
    const text = name === "mean" ? scale(this.measure).mean : this.#named(name);
    const switcher = h("button", { type: "button", "aria-pressed": true }, swatch(name), text);
    switcher.addEventListener("click", () => {
      const shown = switcher.getAttribute("aria-pressed") !== "true";
      switcher.setAttribute("aria-pressed", shown);
      this.chart.toggle(name, shown);
    });
    return switcher;
  }

  // The name of a part of the chart; the name of the interval changes with its level.
  #named(part) {
    if (part !== "interval") return labelOf(part);
    this.interval = h("span", null, labelOf(part, this.card?.level ?? 0.95));
    return this.interval;
  }

  /** Draw the parts that change with every event. */
  update(card) {
    this.card = card;
    this.#fit();
    this.chart.update({ ...card, threshold: this.belief.threshold }, this.measure);
    if (this.interval) setText(this.interval, labelOf("interval", card.level));
    const [main, more] = figures(card, this.measure, this.belief);
    this.figures.replaceChildren(...main);
    if (!this.more.querySelector(":popover-open")) this.more.replaceChildren(...more);
    this.details.hidden = !more.length;
  }

  /** Draw the marginals and the table, which can be a second late. */
  updateTable() {
    const { card } = this;
    this.marginals?.update(card.marginals);
    if (card.density && this.table.open)
      this.curve.replaceChildren(tables.curve(card, scale(this.measure, card.interval)));
  }

  close() {
    this.watcher.disconnect();
    this.marginals?.close();
  }
}
