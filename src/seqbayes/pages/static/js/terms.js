// Bayes' rule in words and numbers, and the marks of candies.

import { h } from "../../../dashboard/static/js/dom.js";
import { number } from "../../../dashboard/static/js/format.js";
import { COLOURS, LETTERS } from "./candies.js";

/** A candy, with its letter: candies are round, and the terms of formulas are not. */
export function candy(colour) {
  return h(
    "span",
    { class: `sweet c-${COLOURS[colour]}`, role: "img", "aria-label": COLOURS[colour] },
    LETTERS[colour],
  );
}

const OPERATORS = { prior: "", likelihood: "×", evidence: "÷", posterior: "=" };

/** One line of Bayes' rule; `notes` explains each term. */
export function rule(values, notes = {}) {
  const parts = Object.entries(OPERATORS).flatMap(([term, operator]) => [
    operator && h("span", { class: "op", "aria-hidden": "true" }, operator),
    h(
      "div",
      { class: `term c-${term}` },
      h("b", null, number(values[term] ?? NaN, 3)),
      h("span", null, term),
      notes[term] && h("small", null, notes[term]),
    ),
  ]);
  return h(
    "div",
    { class: "rule", role: "group", "aria-label": "Bayes’ rule" },
    ...parts.filter(Boolean),
  );
}

/** The name of a term in its colour. */
export const term = (name, text = name) => h("b", { class: `c-${name}` }, text);
