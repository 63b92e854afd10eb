// Several densities in one plot, each with its name at its peak.

import { h, setAttribute, svg, unit } from "../dom.js";
import { scale, tickTexts } from "../format.js";
import { area, greatest, line, linear, ticksOf } from "./axis.js";
import { smooth } from "./smooth.js";
import { complete, roomy } from "./tails.js";

const HEIGHT = 320;
const FOOT = 26;
const LINE = 17; // px between two names, one above the other
const SIGN = 7; // about the width of a letter
const MAX_NAME_LENGTH = 20;
const LIFT = 40; // maximum distance in px of a name from the curves

const SIGNS = "①②③④⑤⑥";

/** The symbol of a key whose name may be truncated. */
export const signOf = (i) => SIGNS[i] ?? String(i + 1);

export const strokeClass = (i) => `series-${(i % 6) + 1} dash-${(i % 6) + 1}`;

export class Overlay {
  constructor() {
    this.root = svg("svg", { role: "img", class: "lines" });
    this.element = h("div", { class: "plot compare-plot" }, this.root);
    this.watcher = new ResizeObserver(() => this.last && this.update(...this.last));
    this.watcher.observe(this.element);
  }

  /**
   * @param {object[]} cards
   * @param {string[]} names
   * @param {string} measured the field `measured` of the belief
   * @param {number|null} threshold a vertical line, if it is within the axis
   */
  update(cards, names, measured, threshold = null) {
    this.last = [cards, names, measured, threshold];
    const width = this.element.clientWidth;
    const drawn = cards.flatMap(({ density }, i) => (density?.x?.length ? [{ density, i }] : []));
    if (!width || !drawn.length) {
      this.root.replaceChildren();
      return;
    }
    const height = HEIGHT * unit();
    const box = { width, height, viewBox: `0 0 ${width} ${height}` };
    for (const [name, value] of Object.entries(box)) setAttribute(this.root, name, value);
    const ends = roomy(
      Math.min(...drawn.map(({ density }) => density.x[0])),
      Math.max(...drawn.map(({ density }) => density.x.at(-1))),
      scale(measured).share,
    );
    const sx = linear(ends, [6, width - 6]);
    const floor = height - FOOT;
    const peak = Math.max(...drawn.map(({ density }) => greatest(density.posterior)));
    const peaks = drawn.map((one) => ({ ...one, ...top(one.density), name: names[one.i] }));
    const [labels, head] = placed(peaks, sx, floor, peak, width);
    const sy = linear([0, peak], [floor, head]);
    this.root.replaceChildren(
      ...drawn.flatMap((one) => curve(one, sx, sy)),
      ...limit(threshold, sx, floor),
      ...labels,
      ...axis(sx, width, floor, measured),
    );
    setAttribute(
      this.root,
      "aria-label",
      `Posterior densities of ${cards.length} keys; the table below has their numbers`,
    );
  }

  close() {
    this.watcher.disconnect();
  }
}

function top({ x, posterior }) {
  const most = greatest(posterior);
  return { x: x[posterior.indexOf(most)] ?? x[0], y: most };
}

function curve({ density, i }, sx, sy) {
  const [x, posterior] = complete(
    ...smooth(density.x, density.posterior),
    greatest(density.posterior),
    sx.domain,
  );
  return [
    svg("path", { class: `c-fill series-${(i % 6) + 1}`, d: area(x, posterior, sx, sy) }),
    svg("path", { class: `c-line ${strokeClass(i)}`, d: line(x, posterior, sx, sy) }),
  ];
}

function limit(threshold, sx, floor) {
  const [low, high] = sx.domain;
  if (threshold === null || threshold < low || threshold > high) return [];
  const x = sx(threshold).toFixed(1);
  return [svg("line", { class: "d-limit", x1: x, x2: x, y1: 0, y2: floor })];
}

/** Names above the peaks without overlap, and the height that they need. */
function placed(peaks, sx, floor, peak, width) {
  const larger = unit();
  const apart = LINE * larger;
  let head = apart + 4;
  for (let turn = 0; ; turn++) {
    const sy = linear([0, peak], [floor, head]);
    const boxes = [];
    for (const one of [...peaks].sort((a, b) => a.y - b.y)) {
      const text = `${signOf(one.i)} ${shortened(one.name)}`;
      const half = (text.length * SIGN * larger) / 2;
      const x = Math.min(Math.max(sx(one.x), half), Math.max(half, width - half));
      const own = sy(one.y);
      const clear = sy(Math.max(...peaks.map(({ density }) => highest(density, sx, x, half))));
      const box = { i: one.i, text, x, half, y: (own - clear < LIFT ? clear : own) - 6 };
      while (boxes.some((other) => over(box, other, apart))) box.y -= apart;
      boxes.push(box);
    }
    const missing = apart - Math.min(...boxes.map(({ y }) => y));
    if (missing <= 0 || turn > 3) return [boxes.map(label), head];
    head += missing;
  }
}

/** The maximum of a curve within half a width in pixels of a point. */
function highest({ x, posterior }, sx, middle, half) {
  return greatest(posterior.filter((_, k) => Math.abs(sx(x[k]) - middle) < half));
}

const over = (a, b, apart) =>
  Math.abs(a.x - b.x) < a.half + b.half && Math.abs(a.y - b.y) < apart - 2;

const label = ({ i, text, x, y }) =>
  svg(
    "text",
    {
      x: x.toFixed(1),
      y: y.toFixed(1),
      class: `curve-name label-${(i % 6) + 1}`,
      "text-anchor": "middle",
    },
    text,
  );

function shortened(name) {
  const signs = [...name];
  return signs.length > MAX_NAME_LENGTH ? `${signs.slice(0, MAX_NAME_LENGTH - 1).join("")}…` : name;
}

function axis(sx, width, floor, measured) {
  const marks = ticksOf(sx.domain, Math.max(3, Math.floor(width / 110)), measured);
  const texts = tickTexts(marks, measured);
  return [
    svg("line", { class: "d-base", x1: 0, x2: width, y1: floor, y2: floor }),
    ...marks.map((value, i) =>
      svg(
        "text",
        { x: sx(value).toFixed(1), y: floor + FOOT - 6, "text-anchor": "middle" },
        texts[i],
      ),
    ),
  ];
}
