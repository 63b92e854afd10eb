// One step of Bayes' rule, in its colours, with its numbers.

import { h, setText } from "../dom.js";
import { number } from "../format.js";

const TERMS = [
  ["prior", "×"],
  ["likelihood", "÷"],
  ["evidence", "="],
  ["posterior", null],
];

export class Rule {
  constructor() {
    this.numbers = {};
    const parts = TERMS.flatMap(([term, operator]) => {
      this.numbers[term] = h("b", null, "–");
      return [
        h("div", { class: `term c-${term}` }, this.numbers[term], h("span", null, term)),
        operator && h("span", { class: "op" }, operator),
      ];
    });
    this.row = h(
      "div",
      { class: "rule", role: "group", "aria-label": "Bayes’ rule" },
      ...parts.filter(Boolean),
    );
    this.says = h("p", { class: "rule-says" });
    this.element = h("div", null, this.row, this.says);
  }

  update(step, says) {
    for (const [term, element] of Object.entries(this.numbers)) {
      setText(element, step ? number(step[term], 3) : "–");
    }
    setText(this.says, says);
  }
}
