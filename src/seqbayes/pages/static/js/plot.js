// Small charts that are drawn again when their data or their width changes.

import { h, svg } from "../../../dashboard/static/js/dom.js";

const SIDE = 12;
const FOOT = 24;
const HEAD = 10;
const NAME = 14;

/** A mark of the legend, as in the chart: a line, a bar or a point. */
function sample(kind, term) {
  const mark = {
    line: () => svg("path", { d: "M1 8H27", class: `curve of-${term}` }),
    bar: () => svg("rect", { x: 8, y: 2, width: 12, height: 12, class: `bar of-${term}` }),
    point: () => svg("path", { d: point(term, 14, 8), class: `point of-${term}` }),
  }[kind]();
  return svg("svg", { width: 28, height: 16, viewBox: "0 0 28 16", "aria-hidden": "true" }, mark);
}

/** Each term has a separate shape, so that colour is not the only difference. */
function point(term, x, y) {
  const shapes = {
    mle: `M${x} ${y - 6}l6 11h-12z`,
    likelihood: `M${x} ${y - 6}l6 11h-12z`,
    map: `M${x} ${y - 6}l6 6l-6 6l-6 -6z`,
    prior: `M${x - 5} ${y - 5}h10v10h-10z`,
  };
  return shapes[term] ?? `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0`;
}

/** A legend: pairs of kind, term and text. */
export function legend(...parts) {
  return h(
    "ul",
    { class: "legend" },
    ...parts.map(([kind, term, text]) => h("li", null, sample(kind, term), text)),
  );
}

export class Plot {
  /**
   * @param {string} label the description for screen readers
   * @param {number} height in pixels
   * @param {Function} draw called with this plot when it has to be drawn
   * @param {number} names lines of text above the curves, for the names of marks
   */
  constructor(label, height, draw, names = 0) {
    Object.assign(this, { height: height + NAME * names, draw, range: [0, 1], top: 1 });
    this.head = HEAD + NAME * names;
    this.root = svg("svg", {
      role: "img",
      "aria-label": label,
      height: this.height,
      class: "plot",
    });
    this.element = h("div", { class: "plot-frame" }, this.root);
    this.width = 320;
    new ResizeObserver(() => {
      const { width } = this.element.getBoundingClientRect();
      if (width < 1 || Math.abs(width - this.width) < 0.5) return;
      this.width = width;
      this.update();
    }).observe(this.element);
  }

  update() {
    this.root.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.root.replaceChildren();
    this.draw(this);
  }

  describe(text) {
    this.root.setAttribute("aria-label", text);
  }

  x(value) {
    const [low, high] = this.range;
    return SIDE + ((value - low) / (high - low)) * (this.width - 2 * SIDE);
  }

  y(value) {
    return this.height - FOOT - (Math.min(value, 1.2 * this.top) / this.top) * this.room;
  }

  get room() {
    return this.height - FOOT - this.head;
  }

  add(tag, properties, ...children) {
    this.root.append(svg(tag, properties, ...children));
  }

  /** Draw the horizontal axis with these values. */
  axis(values, text) {
    const y = this.height - FOOT;
    this.add("path", { d: `M${SIDE} ${y}H${this.width - SIDE}`, class: "axis" });
    for (const value of values) {
      const x = this.x(value);
      this.add("path", { d: `M${x} ${y}v4`, class: "axis" });
      const anchor = x < 20 ? "start" : x > this.width - 20 ? "end" : "middle";
      const place = anchor === "start" ? 1 : anchor === "end" ? this.width - 1 : x;
      this.add("text", { x: place, y: y + 18, "text-anchor": anchor }, text(value));
    }
  }

  /** Draw a function, or evenly spaced values, as a line. */
  curve(term, f, points = Math.round(this.width / 2)) {
    const [low, high] = this.range;
    const path = Array.from({ length: points + 1 }, (_, i) => {
      const at = low + ((high - low) * i) / points;
      return `${i ? "L" : "M"}${this.x(at).toFixed(1)},${this.y(f(at)).toFixed(1)}`;
    });
    this.add("path", { d: path.join(""), class: `curve of-${term}` });
  }

  line(term, pairs) {
    const path = pairs.map(
      ([x, y], i) => `${i ? "L" : "M"}${this.x(x).toFixed(1)},${this.y(y).toFixed(1)}`,
    );
    this.add("path", { d: path.join(""), class: `curve of-${term}` });
  }

  /** Draw a bar between two values. */
  bar(term, from, to, value) {
    const y = this.y(value);
    const height = this.height - FOOT - y;
    const x = this.x(from);
    this.add("rect", { x, y, width: this.x(to) - x, height, class: `bar of-${term}` });
  }

  /** Mark a value with a shape at a height, by default on the axis, and a line with its name. */
  mark(term, value, { height = null, name = "", line = 0 } = {}) {
    if (value === null) return;
    const x = this.x(value);
    const lift = NAME * line;
    const y = height === null ? this.height - FOOT : this.y(height);
    this.add("path", { d: `M${x} ${this.height - FOOT}V${HEAD + lift}`, class: `mark of-${term}` });
    this.add("path", { d: point(term, x, y), class: `point of-${term}` });
    if (!name) return;
    const right = x > this.width - 90;
    this.add(
      "text",
      { x: x + (right ? -6 : 6), y: HEAD + lift + 9, "text-anchor": right ? "end" : "start" },
      name,
    );
  }

  /** Mark values of terms, each with its name in a separate line; none crosses another's name. */
  marks(...marks) {
    const known = marks.filter(([, value]) => value !== null);
    known.sort(([, one], [, other]) => one - other);
    known.forEach(([term, value, name], line) => this.mark(term, value, { name, line }));
  }

  point(term, value, height) {
    this.add("path", { d: point(term, this.x(value), this.y(height)), class: `point of-${term}` });
  }
}
