// The numbers of charts as rows of files, each with a header row.

import { measureOf, plain } from "./format.js";

/** A time as text. */
export const instant = (seconds) => new Date(1000 * seconds).toISOString();

const ends = (level) => [`low ${level}`, `high ${level}`];

/** The curves of a belief, or its named estimates. */
export function beliefRows({ density, shares, fields, components, level }, measured) {
  if (!density) {
    const rows = (shares ?? fields ?? components ?? []).map((each) => [
      each.label ?? each.name,
      each.mean ?? each.weight,
      ...(each.interval ?? [null, null]),
    ]);
    return [["name", "mean", ...ends(level)], ...rows];
  }
  const of = plain(measured);
  const at = (ys, i) => ys?.[i] ?? null;
  const { x, posterior, prior, likelihood } = density;
  const rows = x.map((value, i) => [of(value), posterior[i], at(prior, i), at(likelihood, i)]);
  return [["value", "posterior", "prior", "likelihood of the last event"], ...rows];
}

/** Mean and interval over time; `measured` is of the belief, unless the curve is of a part. */
export function historyRows({ t, mean, low, high, level, part, unit }, measured) {
  const of = plain(part ? measureOf({ unit }) : measured);
  const rows = t.map((time, i) => [instant(time), ...[mean, low, high].map((ys) => of(ys[i]))]);
  return [["time", part || "mean", ...ends(level)], ...rows];
}
