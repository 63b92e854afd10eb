// Lines plotted against the number of steps, as SVG; the axis of steps can be logarithmic.

import { h, setAttribute, svg } from "../dom.js";
import { line, linear, ticks } from "./axis.js";
import { SIGNS } from "./density.js";

const MAX_POINTS = 220;
const RIGHT = 58;
const LEFT = 44;
const FOOT = 22;
const LINE = 14; // px, the height of a name
const NAME = 72; // px, the width of a name

let clips = 0;

export class Lines {
  /**
   * @param {object} options
   * @param {Array<{name: string, style: string, sign?: string}>} options.series with the class of
   *   each, and the sign at its end
   * @param {Function} options.written formats the heights
   * @param {boolean} [options.log] whether the axis of steps is logarithmic
   * @param {boolean} [options.dots] whether every step has a dot
   * @param {number} [options.right] room for names, in pixels
   * @param {string} options.label the label for screen readers
   */
  constructor({ series, written, log = false, dots = false, right = RIGHT, label, height = 200 }) {
    Object.assign(this, { series, written, log, dots, right, height });
    this.paths = series.map(({ style }) => svg("path", { class: `line ${style}` }));
    this.points = svg("g");
    this.names = svg("g");
    this.rules = svg("g", { class: "d-axis" });
    const id = `lines${clips++}`;
    this.clip = svg("rect", { x: LEFT, y: 0 });
    this.root = svg(
      "svg",
      { role: "img", class: "lines", "aria-label": label },
      svg("clipPath", { id }, this.clip),
      this.rules,
      svg("g", { "clip-path": `url(#${id})` }, ...this.paths),
      this.points,
      this.names,
    );
    this.element = h("div", { class: "plot" }, this.root);
    this.watcher = new ResizeObserver(() => this.last && this.update(...this.last));
    this.watcher.observe(this.element);
  }

  /**
   * @param {number[]} xs
   * @param {Array<Array<number|null>>} ys one array per series
   * @param {[number, number]} range the lowest and the highest height
   * @param {Array<{y: number, name: string, style: string}>} [levels] horizontal lines
   */
  update(xs, ys, range, levels = [], ceiling = null) {
    this.last = [xs, ys, range, levels, ceiling];
    const width = this.element.clientWidth;
    if (!width) return;
    for (const [name, value] of Object.entries({
      width,
      height: this.height,
      viewBox: `0 0 ${width} ${this.height}`,
    })) {
      setAttribute(this.root, name, value);
    }
    const floor = this.height - FOOT;
    const top = ceiling ?? Math.max(2, xs.at(-1) ?? 2);
    const place = this.log
      ? linear([0, Math.log(top)], [LEFT, width - this.right])
      : linear([xs[0] ?? 0, top], [LEFT, width - this.right]);
    const sx = this.log ? (x) => place(Math.log(Math.max(1, x))) : place;
    const sy = linear(range, [floor, 8]);
    setAttribute(this.clip, "width", Math.max(0, width - this.right - LEFT));
    setAttribute(this.clip, "height", floor + 1);
    const kept = thin(xs, this.log);
    ys.forEach((series, i) => {
      setAttribute(
        this.paths[i],
        "d",
        line(
          kept.map((k) => xs[k]),
          kept.map((k) => series[k] ?? null),
          sx,
          sy,
        ),
      );
    });
    this.#ends(ys, xs, sx, sy, width, levels);
    if (this.dots) this.#dots(ys, xs, sx, sy);
    this.#rules(range, top, width, floor, sx, sy, levels);
  }

  // Names are at the ends of lines, without overlap; names of levels are at the right edge.
  #ends(ys, xs, sx, sy, width, levels) {
    const inside = (y) => Math.min(Math.max(sy(y), 8), this.height - FOOT);
    const x = xs.length ? sx(xs.at(-1)) : LEFT;
    const lines = ys
      .map((series, i) => ({ ...this.series[i], y: series.at(-1) }))
      .filter(({ y }) => y !== null && y !== undefined);
    const signs = lines.map(({ sign, y }) => sign && mark(sign, x, inside(y)));
    const labels = alike(lines).map((line) => ({ ...line, x: x + 9, y: inside(line.y) }));
    const edge = width - this.right + 9;
    const across = levels.map(({ y, name, style }) => ({ name, style, x: edge, y: inside(y) }));
    const near = x + NAME > edge; // they would overlap
    const placed = near
      ? apart(
          [...labels, ...across].map((one) => ({ ...one, x: edge })),
          this.height - FOOT,
        )
      : [...apart(labels, this.height - FOOT), ...apart(across, this.height - FOOT)];
    this.names.replaceChildren(
      ...signs.filter(Boolean),
      ...placed.flatMap(({ name, style, x, y, at }) => [
        Math.abs(at - y) > 3 &&
          svg("path", { class: "leader", d: `M${x - 4},${y}L${x + 3},${at}` }),
        svg("text", { class: `end ${style}`, x: x + 5, y: at + 4 }, name),
      ]).filter(Boolean),
    );
  }

  #dots(ys, xs, sx, sy) {
    const known = (y) => y !== null && y !== undefined;
    this.points.replaceChildren(
      ...ys.flatMap((series, i) =>
        xs
          .map((x, k) => [x, series[k]])
          .filter(([, y]) => known(y))
          .map(([x, y]) =>
            svg("circle", { class: `dot-of ${this.series[i].style}`, cx: sx(x), cy: sy(y), r: 3 }),
          ),
      ),
    );
  }

  #rules(range, top, width, floor, sx, sy, levels) {
    const key = JSON.stringify([range, top, width, levels]);
    if (key === this.drawn) return;
    this.drawn = key;
    const heights = ticks(range, 4).flatMap((value) => [
      svg("line", {
        class: "rule-line",
        x1: LEFT,
        x2: width - this.right,
        y1: sy(value),
        y2: sy(value),
      }),
      svg("text", { x: LEFT - 7, y: sy(value) + 4, "text-anchor": "end" }, this.written(value)),
    ]);
    const steps = (this.log ? powers(top) : ticks([0, top], 5)).map((x) =>
      svg(
        "text",
        { x: sx(x), y: this.height - 5, "text-anchor": "middle" },
        x.toLocaleString("en"),
      ),
    );
    const across = levels.map(({ y, style }) =>
      svg("line", {
        class: `level ${style}`,
        x1: LEFT,
        x2: width - this.right,
        y1: sy(y),
        y2: sy(y),
      }),
    );
    this.rules.replaceChildren(
      ...heights,
      svg("line", { x1: LEFT, x2: width - this.right, y1: floor, y2: floor }),
      ...steps,
      ...across,
    );
  }

  close() {
    this.watcher.disconnect();
  }
}

const mark = (sign, x, y) =>
  svg("path", {
    d: SIGNS[sign].d,
    class: `d-mark d-${sign} f-${SIGNS[sign].rule}`,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
  });

/** Lines that end at the same height share a name. */
export function alike(lines) {
  const groups = [];
  for (const line of lines) {
    const same = groups.find(({ y }) => Math.abs(y - line.y) <= 1e-9 * Math.abs(y));
    if (same) same.name += ` = ${line.name}`;
    else groups.push({ ...line });
  }
  return groups;
}

/** Names with heights `at` that do not overlap and are as close as possible to their lines. */
export function apart(names, floor) {
  const sorted = [...names].sort((a, b) => a.y - b.y);
  const groups = [];
  for (const one of sorted) {
    groups.push({ names: [one], top: one.y });
    // A group that overlaps the group above is merged with it, around the mean of both positions.
    while (groups.length > 1) {
      const [above, below] = groups.slice(-2);
      if (below.top - above.top >= LINE * above.names.length) break;
      const joined = [...above.names, ...below.names];
      const wanted = joined.reduce((sum, { y }, i) => sum + y - LINE * i, 0) / joined.length;
      groups.splice(-2, 2, { names: joined, top: wanted });
    }
  }
  return groups.flatMap(({ names: held, top }) => {
    const last = floor - LINE * (held.length - 1);
    const first = Math.max(8, Math.min(top, last));
    return held.map((name, i) => ({ ...name, at: first + LINE * i }));
  });
}

const powers = (top) => [1, 10, 100, 1000, 10000, 100000].filter((x) => x <= top);

// Indices of at most MAX_POINTS points, evenly spaced along the axis, including the last.
function thin(xs, log) {
  const n = xs.length;
  if (n <= MAX_POINTS) return xs.map((_, i) => i);
  const kept = new Set([n - 1]);
  for (let k = 0; k < MAX_POINTS; k++) {
    const share = k / MAX_POINTS;
    kept.add(Math.floor(log ? n ** share - 1 : share * n));
  }
  return [...kept].sort((a, b) => a - b);
}
