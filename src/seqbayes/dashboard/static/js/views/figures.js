// The estimates of a belief; the first one is large.

import { LABELS, swatch } from "../charts/density.js";
import { h } from "../dom.js";
import { count, followed, number, oneOf, probability, scale, signed, visible } from "../format.js";

/** The rows of a list of terms. */
export function figures(card, measure) {
  const rows = estimates(card, measure);
  if (typeof card.log_evidence === "number")
    rows.push(["log evidence", signed(card.log_evidence, 2)]);
  return rows.map(([name, text, sign], i) =>
    h(
      "div",
      { class: i ? null : "main" },
      h("dt", null, sign ? swatch(sign) : null, name),
      h("dd", null, text),
    ),
  );
}

function estimates(card, measure) {
  const [first] = card.shares ?? [];
  if (first) {
    const range = first.interval && scale("share", first.interval).range(first.interval);
    return [
      [visible(first.label), probability(first.mean), "mean"],
      range && [LABELS.interval, range, "interval"],
    ].filter(Boolean);
  }
  if (typeof card.mean !== "number") {
    const one = followed(card);
    if (!one) return [["events", count(card.n)]];
    const written = scale(one.measured, one.interval);
    return [
      [visible(one.name), oneOf(one, written), "mean"],
      one.interval && [LABELS.interval, written.range(one.interval), "interval"],
    ].filter(Boolean);
  }
  const written = scale(measure, card.interval);
  const variance = card.variance?.mean;
  return [
    [written.mean, written.text(card.mean), "mean"],
    card.interval && [LABELS.interval, written.range(card.interval), "interval"],
    ["MAP", written.text(card.map), "map"],
    ["MLE", written.text(card.mle), "mle"],
    typeof variance === "number" && [
      written.log ? "variance of the log" : "variance",
      number(variance),
    ],
  ].filter(Boolean);
}
