// The estimates of a belief; the first one is shown large.

import { percentOf, swatch } from "../charts/density.js";
import { h } from "../dom.js";
import { explained, term } from "../glossary.js";
import { count, exact, exists, followed, number, oneOf, probability, scale, signed, visible } from "../format.js";

/** The most important estimates, and the others as details, as rows of description lists. */
export function figures(card, measure, belief = {}) {
  const [main, more] = estimates(card, measure, belief);
  if (typeof card.log_evidence === "number")
    more.push(["log evidence", signed(card.log_evidence, 2)]);
  return [main.map(row), more.map((each) => row(each, 1))];
}

const row = ([name, text, sign], i) =>
  h(
    "div",
    { class: i ? null : "main" },
    h("dt", null, sign ? swatch(sign) : null, explained(name) ? term(name) : name),
    h("dd", null, text),
  );

/** One of several numbers, with its interval; its mean may be infinite. */
function estimateOf({ mean, interval, unit }) {
  const written = scale(unit ?? "", interval);
  const range = interval ? written.range(interval) : "";
  if (!exists(mean)) return range;
  return range ? `${written.text(mean)} (${range})` : written.text(mean);
}

function estimates(card, measure, { threshold, unit = "" }) {
  const [first] = card.shares ?? [];
  const interval = `${percentOf(card)} interval`;
  if (first) {
    const range = first.interval && scale("share", first.interval).range(first.interval);
    return [
      [
        [visible(first.label), probability(first.mean), "mean"],
        range && [interval, range, "interval"],
      ].filter(Boolean),
      [],
    ];
  }
  const middle = card.mean ?? card.median;
  if (typeof middle !== "number") {
    const one = followed(card);
    if (!one) return [[["events", count(card.n)]], []];
    const written = scale(one.measured, one.interval);
    return [
      [
        [visible(one.name), oneOf(one, written), "mean"],
        one.interval && [interval, written.range(one.interval), "interval"],
      ].filter(Boolean),
      [],
    ];
  }
  const written = scale(measure, card.interval);
  const variance = card.variance?.mean;
  const of = !written.share && unit ? ` ${unit}` : "";
  const limit = written.share ? `${exact(100 * threshold)} %` : `${exact(threshold)}${of}`;
  return [
    [
      exists(card.mean)
        ? [written.mean, `${written.text(card.mean)}${of}`, "mean"]
        : ["median", `${written.text(card.median)}${of}`],
      card.interval && [interval, `${written.range(card.interval)}${of}`, "interval"],
      card.pooled && ["pooled", `${written.text(card.pooled.mean)} (${written.range(card.pooled.interval)})${of}`],
      typeof card.p_above === "number" && [`P(> ${limit})`, probability(card.p_above)],
      ...(card.fields ?? []).map((field) => [visible(field.name), estimateOf(field)]),
    ].filter(Boolean),
    [
      ["MAP", written.text(card.map), "map"],
      ["MLE", written.text(card.mle), "mle"],
      typeof variance === "number" && [
        written.log ? "variance of the log" : "variance",
        number(variance),
      ],
      card.pooled && ["pooling", card.pooled.text],
    ].filter(Boolean),
  ];
}
