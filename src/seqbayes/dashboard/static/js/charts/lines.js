// Lines over the number of steps, drawn as svg; the axis of steps may be logarithmic.

import { h, setAttribute, svg } from "../dom.js";
import { line, linear, ticks } from "./axis.js";

const MOST_POINTS = 220;
const RIGHT = 58;
const LEFT = 44;
const FOOT = 22;

let clips = 0;

export class Lines {
  /**
   * @param {object} options
   * @param {Array<{name: string, style: string}>} options.series with the class of each
   * @param {Function} options.written how heights are written
   * @param {boolean} [options.log] whether steps are on a logarithmic axis
   * @param {string} options.label for screen readers
   */
  constructor({ series, written, log = false, label, height = 200 }) {
    Object.assign(this, { series, written, log, height });
    this.paths = series.map(({ style }) => svg("path", { class: `line ${style}` }));
    this.ends = series.map(({ name, style }) => svg("text", { class: `end ${style}` }, name));
    this.rules = svg("g", { class: "d-axis" });
    const id = `lines${clips++}`;
    this.clip = svg("rect", { x: LEFT, y: 0 });
    this.root = svg(
      "svg",
      { role: "img", class: "lines", "aria-label": label },
      svg("clipPath", { id }, this.clip),
      this.rules,
      svg("g", { "clip-path": `url(#${id})` }, ...this.paths),
      ...this.ends,
    );
    this.element = h("div", { class: "plot" }, this.root);
    this.watcher = new ResizeObserver(() => this.last && this.update(...this.last));
    this.watcher.observe(this.element);
  }

  /**
   * @param {number[]} xs
   * @param {Array<Array<number|null>>} ys a series each
   * @param {[number, number]} range of heights
   * @param {Array<{y: number, name: string, style: string}>} [levels] lines across
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
      ? linear([0, Math.log(top)], [LEFT, width - RIGHT])
      : linear([xs[0] ?? 0, top], [LEFT, width - RIGHT]);
    const sx = this.log ? (x) => place(Math.log(Math.max(1, x))) : place;
    const sy = linear(range, [floor, 8]);
    setAttribute(this.clip, "width", Math.max(0, width - RIGHT - LEFT));
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
    this.#ends(ys, xs, sx, sy);
    this.#rules(range, top, width, floor, sx, sy, levels);
  }

  // Names stand where the lines end, pushed apart.
  #ends(ys, xs, sx, sy) {
    const inside = (y) => Math.min(Math.max(sy(y), 8), this.height - FOOT);
    const at = ys
      .map((series, i) => ({ i, y: series.at(-1) }))
      .filter(({ y }) => y !== null && y !== undefined)
      .map(({ i, y }) => ({ i, y: inside(y) }))
      .sort((a, b) => a.y - b.y);
    for (let k = 1; k < at.length; k++) at[k].y = Math.max(at[k].y, at[k - 1].y + 13);
    for (const end of this.ends) end.setAttribute("hidden", "");
    for (const { i, y } of at) {
      this.ends[i].removeAttribute("hidden");
      setAttribute(this.ends[i], "x", (sx(xs.at(-1)) + 6).toFixed(1));
      setAttribute(this.ends[i], "y", Math.min(y + 4, this.height - FOOT).toFixed(1));
    }
  }

  #rules(range, top, width, floor, sx, sy, levels) {
    const key = JSON.stringify([range, top, width, levels]);
    if (key === this.drawn) return;
    this.drawn = key;
    const heights = ticks(range, 4).flatMap((value) => [
      svg("line", {
        class: "rule-line",
        x1: LEFT,
        x2: width - RIGHT,
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
    const across = levels.flatMap(({ y, name, style }) => [
      svg("line", { class: `level ${style}`, x1: LEFT, x2: width - RIGHT, y1: sy(y), y2: sy(y) }),
      svg("text", { class: `level-name ${style}`, x: LEFT + 4, y: sy(y) - 4 }, name),
    ]);
    this.rules.replaceChildren(
      ...heights,
      svg("line", { x1: LEFT, x2: width - RIGHT, y1: floor, y2: floor }),
      ...steps,
      ...across,
    );
  }

  close() {
    this.watcher.disconnect();
  }
}

const powers = (top) => [1, 10, 100, 1000, 10000, 100000].filter((x) => x <= top);

// Places of at most MOST_POINTS points, evenly spread along the axis; the last is among them.
function thin(xs, log) {
  const n = xs.length;
  if (n <= MOST_POINTS) return xs.map((_, i) => i);
  const kept = new Set([n - 1]);
  for (let k = 0; k < MOST_POINTS; k++) {
    const share = k / MOST_POINTS;
    kept.add(Math.floor(log ? n ** share - 1 : share * n));
  }
  return [...kept].sort((a, b) => a - b);
}
