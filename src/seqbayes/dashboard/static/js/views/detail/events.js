// Single events of a key: Bayes' rule, responsibilities and surprise.

import { Surprise } from "../../charts/surprise.js";
import { h } from "../../dom.js";
import { downloads } from "../../exports.js";
import { scale } from "../../format.js";
import { instant } from "../../rows.js";
import { Rule } from "../rule.js";
import * as tables from "../tables.js";
import { panel } from "./panel.js";

/** Bayes' rule for the last event, and the last steps as a table. */
export class StepPanels {
  /**
   * @param {string} measured the field `measured` of the belief
   * @param {Function} formatObservation
   */
  constructor(measured, formatObservation) {
    Object.assign(this, { measured, formatObservation });
    this.formula = new Rule();
    this.steps = h("div");
    this.rule = panel("Bayes’ rule, last event", null, this.formula.element);
    this.table = panel("Last steps of Bayes’ rule", null, this.steps);
  }

  /** Show Bayes' rule for the last step. */
  updateRule({ steps, interval }) {
    const last = steps?.at(-1);
    const written = scale(this.measured, interval);
    this.formula.update(
      last,
      last
        ? `Observed ${this.formatObservation(last.x)}: densities at ${tables.where(last, written)}, before and after.`
        : tables.NO_EVENTS,
    );
  }

  update(data) {
    this.updateRule(data);
    const written = scale(this.measured, data.interval);
    this.steps.replaceChildren(
      data.steps?.length
        ? tables.steps(data.steps, written, this.formatObservation)
        : tables.nothing(tables.NO_EVENTS),
    );
  }
}

/** The responsibilities of the components for the last event. */
export class Responsibilities {
  constructor(formatObservation) {
    this.formatObservation = formatObservation;
    this.table = h("div");
    this.element = panel("Responsibilities", h("p", null, "Bayes’ rule, last event"), this.table);
  }

  update({ makers }) {
    const shown = makers
      ? tables.makers(makers, this.formatObservation)
      : [tables.nothing(tables.NO_EVENTS)];
    this.table.replaceChildren(...shown);
  }
}

/** The surprise of the last events. */
export class SurprisePanel {
  constructor(formatObservation, title) {
    this.formatObservation = formatObservation;
    this.chart = new Surprise(formatObservation);
    this.element = panel(
      "Surprise",
      h("p", null, "−log predictive"),
      this.chart.element,
      downloads(`${title} surprise`, {
        element: () => this.chart.element,
        rows: () => this.#rows(),
      }),
    );
  }

  update({ recent }) {
    this.recent = recent ?? [];
    this.chart.update(this.recent);
  }

  #rows() {
    const rows = this.recent.map(({ at, x, surprise }) => [
      instant(at),
      this.formatObservation(x),
      surprise,
    ]);
    return [["time", "observation", "surprise in nats"], ...rows];
  }
}
