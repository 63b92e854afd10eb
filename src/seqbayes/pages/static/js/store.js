// What a store has learned: a chart and a table for each key of each belief.

import { chartOf, isNumeric } from "../../../dashboard/static/js/charts/kinds.js";
import { h, table } from "../../../dashboard/static/js/dom.js";
import {
  count,
  keyName,
  measure,
  number,
  probability,
  scale,
  visible,
} from "../../../dashboard/static/js/format.js";
import { mount, onAddress, readAddress, readData } from "./frame.js";

const HEIGHT = 150;
const address = (belief, key) =>
  `#${new URLSearchParams({ belief, ...(key && { key: key.join("/") }) })}`;

function headline(belief, card) {
  const top = card.shares?.[0];
  if (top) return `${probability(top.mean)} ${visible(top.label)}`;
  if (typeof card.mean !== "number") return `${count(card.n)} events`;
  const written = scale(measure(belief), card.interval);
  return `${written.text(card.mean)}, ${written.range(card.interval)}`;
}

class Key {
  constructor(belief, { name, card, rows, since, updated }, level) {
    this.belief = belief;
    this.card = card;
    const title = name === null ? "the pooled rest" : keyName(name, belief.name);
    this.chart = chartOf(card.kind);
    const heads = [
      ["Parameter"],
      ["n", "num"],
      ["mean", "num c-posterior"],
      [`${100 * level} % interval`, "num"],
      ["MLE", "num c-likelihood"],
      ["MAP", "num c-posterior"],
    ];
    const cells = rows.map(([part, n, mean, low, high, mle, map]) => [
      part || belief.name,
      n === null ? "–" : count(n),
      number(mean),
      low === null ? "–" : `${number(low)} to ${number(high)}`,
      number(mle),
      number(map),
    ]);
    this.element = h(
      "article",
      { class: "panel key", tabindex: -1 },
      h(
        "header",
        null,
        h("h3", null, h("a", { href: address(belief.name, name) }, title)),
        h("p", null, `n = ${count(card.n)}`),
      ),
      h("p", { class: "headline" }, headline(belief, card)),
      this.chart.element,
      rows.length ? table(`Estimates of ${title}`, heads, cells) : null,
      h(
        "p",
        { class: "hint" },
        `${since.slice(0, 16).replace("T", " ")} to ${updated.slice(0, 16).replace("T", " ")} UTC`,
      ),
    );
    this.address = address(belief.name, name);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  draw() {
    const { width } = this.element.getBoundingClientRect();
    this.chart.resize?.(Math.max(120, width - 42), HEIGHT);
    this.chart.update({ ...this.card, threshold: this.belief.threshold }, measure(this.belief));
  }
}

function section(belief, level) {
  const keys = belief.keys.map((key) => new Key(belief, key, level));
  const shown =
    keys.length === belief.total
      ? count(belief.total)
      : `${count(keys.length)} of ${count(belief.total)}, with the most data`;
  const element = h(
    "section",
    { class: "of-belief", tabindex: -1 },
    h("h2", null, belief.name),
    h(
      "p",
      { class: "introduction" },
      `${belief.keyed}. Keys: ${shown}. `,
      h("span", { class: "c-prior" }, belief.prior),
    ),
    h("div", { class: "keys" }, ...keys.map((key) => key.element)),
  );
  return { element, keys, address: address(belief.name) };
}

function follow(sections) {
  const target = `#${readAddress()}`;
  const found = sections.flatMap((one) => [one, ...one.keys]).find((one) => one.address === target);
  found?.element.scrollIntoView();
  found?.element.focus({ preventScroll: true });
}

const { beliefs, level } = readData();
const sections = beliefs.map((belief) => section(belief, level));
const numeric = beliefs.some(({ keys }) => keys.some(({ card }) => isNumeric(card.kind)));
mount(
  "What has been learned",
  `${beliefs.map(({ name }) => name).join(", ")}.${numeric ? " Curves: prior (green, dashed) and posterior (orange, filled)." : ""}`,
  ...sections.map(({ element }) => element),
);
onAddress(() => follow(sections));
follow(sections);
