// The tables of the detail page: recent events, steps, dead letters, curves in numbers.

import { h, table } from "../dom.js";
import {
  count,
  measureOf,
  number,
  observation,
  parameter,
  percent,
  probability,
  scale,
  visible,
  when,
} from "../format.js";

/** The reason why there are no individual events. */
export const NO_EVENTS =
  "No event has arrived since the server started, or too many arrived at once to list them individually.";

export const nothing = (why) => h("p", { class: "nothing" }, why);

/** The point at which the densities of a step are evaluated. */
export function where({ at, of }, written) {
  const place =
    typeof at === "number"
      ? written.text(at)
      : typeof at?.variance === "number"
        ? `${written.mean} ${written.text(at.mean)}, variance ${number(at.variance, 3)}`
        : parameter(at);
  if (of === undefined) return place;
  return `${place} of ${of === null ? "new labels" : visible(of)}`;
}

export function steps(rows, written, formatObservation) {
  const columns = [
    ["Observed"],
    ["at", "num clip"],
    ["prior", "num c-prior"],
    ["× likelihood", "num c-likelihood"],
    ["÷ evidence", "num c-evidence"],
    ["= posterior", "num c-posterior"],
  ];
  const cells = [...rows]
    .reverse()
    .map((step) => [
      formatObservation(step.x),
      // the label is shown beside it
      where(typeof step.of === "string" ? { at: step.at } : step, written),
      ...["prior", "likelihood", "evidence", "posterior"].map((term) => number(step[term], 4)),
    ]);
  return table("Last steps of Bayes’ rule, the latest first", columns, cells);
}

export function deadLetters(rows) {
  if (!rows?.length) return nothing("None: all events could be used.");
  const cells = rows.map((letter) => [
    String(letter.position ?? "–"),
    visible(letter.reason),
    h("code", { class: "mono raw", title: observation(letter.raw) }, observation(letter.raw)),
    when(letter.at),
  ]);
  return table("Dead letters", [["Position"], ["Reason"], ["Event"], ["When"]], cells);
}

export function recent(rows, formatObservation) {
  const cells = [...rows]
    .reverse()
    .map((event) => [when(event.at), formatObservation(event.x), number(event.surprise, 3)]);
  return table(
    "Recent events, the latest first",
    [["When"], ["Observed"], ["Surprise, nats", "num"]],
    cells,
  );
}

export function curve(card, written) {
  const { x, posterior, prior, likelihood } = card.density;
  const every = Math.max(1, Math.ceil(x.length / 40));
  const cells = [];
  for (let i = 0; i < x.length; i += every) {
    cells.push([
      written.log ? written.text(x[i], 2) : number(x[i], 5),
      number(posterior[i], 4),
      number(prior?.[i], 4),
      number(likelihood?.[i], 4),
    ]);
  }
  return table(
    "Densities",
    [["Value"], ["Posterior", "num"], ["Prior", "num"], ["Likelihood, scaled", "num"]],
    cells,
  );
}

export function past(history, written) {
  const { t, n, mean, low, high } = history;
  const every = Math.max(1, Math.ceil(t.length / 40));
  const cells = [];
  for (let i = t.length - 1; i >= 0; i -= every) {
    cells.push([when(t[i]), count(n[i]), ...[mean, low, high].map((ys) => written.text(ys[i]))]);
  }
  return table(
    "History, the latest first",
    [["When"], ["n", "num"], [written.log ? "Median" : "Mean", "num"], ["Low", "num"], ["High", "num"]],
    cells,
  );
}

export function components(rows, level) {
  const mean = (line) => {
    const { name, mean, interval } = line;
    const written = scale(measureOf(line), interval);
    const range = interval ? ` (${written.range(interval)})` : "";
    return h("div", null, `${name} ${written.text(mean)}${range}`);
  };
  const cells = rows.map((row) => [
    row.name,
    h("div", null, ...row.fields.map(mean)),
    count(row.n),
    probability(row.weight),
  ]);
  return table(
    "Components, the largest first",
    [["Component"], [`Mean and ${percent(level)} interval of`], ["n", "num"], ["Weight", "num"]],
    cells,
  );
}

/** The responsibilities for an event: Bayes' rule, one row per component. */
export function makers({ x, evidence, components: rows }, formatObservation) {
  const cells = rows.map(({ name, share, density, responsibility }) => [
    visible(name),
    probability(share),
    number(density, 3),
    number(evidence, 3),
    probability(responsibility),
  ]);
  return [
    table(
      "Responsibilities for the last event",
      [
        ["Component"],
        ["share", "num c-prior"],
        ["× density", "num c-likelihood"],
        ["÷ evidence", "num c-evidence"],
        ["= probability", "num c-posterior"],
      ],
      cells,
    ),
    h("p", { class: "rule-says" }, `Observed ${formatObservation(x)}.`),
  ];
}

const MAX_ROWS = 60;

// All hyperparameters with their names, with only one triangle of each symmetric matrix.
function flat(value, name, symmetric = name.endsWith("scale")) {
  if (Array.isArray(value) && value.every(Array.isArray) && symmetric)
    return value.flatMap((row, i) =>
      row.slice(i).map((one, j) => [`${name} ${i}, ${i + j}`, one]),
    );
  if (value === null || typeof value !== "object") return [[name, value]];
  return Object.entries(value).flatMap(([key, one]) =>
    flat(one, key === "fields" ? name : `${name} ${visible(key)}`.trim()),
  );
}

export function parameters(prior, posterior) {
  const before = new Map(flat(prior ?? {}, ""));
  const after = new Map(flat(posterior ?? {}, ""));
  const names = [...new Set([...after.keys(), ...before.keys()])];
  const cells = names
    .slice(0, MAX_ROWS)
    .map((name) => [name, observation(before.get(name)), observation(after.get(name))]);
  if (names.length > MAX_ROWS) cells.push([`and ${count(names.length - MAX_ROWS)} more`, "", ""]);
  return table(
    "Hyperparameters",
    [["Hyperparameter"], ["Prior", "num c-prior"], ["Posterior", "num c-posterior"]],
    cells,
  );
}

/** Quantiles of observations; empty if there are no quantiles. */
export function quantiles(found, { unit }, level) {
  if (!found) return "";
  const rows = found.map(({ p, x, interval }) => {
    const written = scale("", interval);
    return [`p${100 * p}`, written.text(x), written.range(interval)];
  });
  const columns = [
    ["Quantile", "key"],
    [unit ? `Value (${unit})` : "Value", "num"],
    [`${percent(level)} interval`, "num"],
  ];
  return table("Quantiles of observations", columns, rows);
}
