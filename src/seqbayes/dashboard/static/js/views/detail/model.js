// The model of a key: its next observation, its hyperparameters or components, and its dead letters.

import { h } from "../../dom.js";
import { downloads } from "../../exports.js";
import { count } from "../../format.js";
import { next } from "../next.js";
import * as tables from "../tables.js";
import { panel } from "./panel.js";

/** The predictive distribution and its quantiles. */
export class Next {
  constructor(belief, title) {
    this.belief = belief;
    this.chart = h("div");
    this.quantiles = h("div");
    this.element = panel(
      "Next observation",
      h("p", null, "predictive"),
      this.chart,
      this.quantiles,
      downloads(`${title} predictive`, {
        element: () => this.chart,
        rows: () => rowsOf(this.predictive),
      }),
    );
  }

  update({ predictive, quantiles, level }) {
    this.predictive = predictive;
    this.chart.replaceChildren(...next(predictive, this.belief, level));
    this.quantiles.replaceChildren(tables.quantiles(quantiles, this.belief, level));
  }
}

function rowsOf(found) {
  if (!found || found.lines)
    return [["name", "mean"], ...(found?.lines ?? []).map(({ name, mean }) => [name, mean])];
  const heads = ["observation", found.kind === "pdf" ? "density" : "probability"];
  return [heads, ...found.x.map((x, i) => [x, found.p[i]])];
}

/** The hyperparameters or components, and the state in words. */
export class Model {
  constructor() {
    this.parameters = h("div");
    this.text = h("p", { class: "hint mono" });
    this.element = panel("Model", null, this.parameters, this.text);
  }

  update({ components, start, prior, posterior, text, level }) {
    const known = prior || posterior;
    if (components?.length) this.parameters.replaceChildren(tables.components(components, level));
    else this.parameters.replaceChildren(known ? tables.parameters(prior, posterior) : "");
    // If there are components, a table already shows the text. Estimators have several lines of
    // it.
    const lines = (components?.length ? starting(components, start) : (text ?? "")).split("\n");
    this.text.replaceChildren(...lines.flatMap((line, i) => (i ? [h("br"), line] : [line])));
  }
}

// A mixture buffers its first events and fits components to them repeatedly.
function starting(components, start) {
  if (!start) return "";
  const fitted = Math.round(components.reduce((sum, { n }) => sum + n, 0));
  const behind = fitted < start.kept ? ` They are fitted to the first ${count(fitted)} events.` : "";
  return `Still starting up: ${count(start.kept)} of ${count(start.needed)} events. The names of components may change until then.${behind}`;
}

/** The newest dead letters of a belief. */
export class Letters {
  constructor(name) {
    this.table = h("div");
    this.element = panel(`Dead letters of ${name}`, h("p", null, "all keys"), this.table);
  }

  update({ dead_letters: letters }) {
    this.table.replaceChildren(tables.deadLetters(letters));
  }
}
