// The prediction of the next observation.

import { Fields } from "../charts/bars.js";
import { labelOf } from "../charts/density.js";
import { predictive } from "../charts/predictive.js";
import { h } from "../dom.js";
import { observed, scale } from "../format.js";
import { nothing } from "./tables.js";

const UNPREDICTABLE = {
  estimator: "The prediction of an estimator depends on the features of the observation.",
};

/** The contents of the panel for a predictive distribution. */
export function next(given, { kind, likelihood }, level) {
  if (!given) return [nothing(UNPREDICTABLE[kind] ?? "It cannot be predicted before more events are learned.")];
  if (given.lines) {
    const fields = new Fields({ most: 24 });
    fields.update({ fields: given.lines });
    return [fields.element];
  }
  const { mean, interval } = given;
  const written = scale("", interval);
  const summary = [
    typeof mean === "number" && `mean ${written.text(mean)}`,
    interval && `${labelOf("interval", level)} ${written.range(interval)}`,
  ].filter(Boolean);
  return [
    predictive(given, observed(likelihood)),
    summary.length ? h("p", { class: "hint" }, summary.join(", ")) : "",
  ];
}
