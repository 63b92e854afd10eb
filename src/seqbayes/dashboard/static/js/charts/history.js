// Mean and interval over time, with zoom. uPlot is loaded when it is first needed.

import { button, h, segments, setText, sheet } from "../dom.js";
import { count, exists, moment, scale, tickTexts, when } from "../format.js";
import { ticksOf } from "./axis.js";

let loading = null;

function library() {
  loading ??= new Promise((resolve, reject) => {
    sheet("/static/vendor/uplot/uPlot.min.css");
    const script = h("script", { src: "/static/vendor/uplot/uPlot.iife.min.js" });
    script.addEventListener("load", () => resolve(globalThis.uPlot));
    script.addEventListener("error", () => {
      loading = null;
      reject(new Error("The chart library could not be loaded."));
    });
    document.head.append(script);
  });
  return loading;
}

const HEIGHT = 260;
const SWING = 0.1; // share of all events
const HINT = "Drag to zoom, double-click to reset.";

const two = (n) => String(n).padStart(2, "0");

function clockOf(step) {
  return (seconds) => {
    const at = new Date(1000 * seconds);
    if (step >= 86_400) return at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
    const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (step >= 60) return minutes;
    const tenths = step < 1 ? `.${Math.floor(at.getMilliseconds() / 100)}` : "";
    return `${minutes}:${two(at.getSeconds())}${tenths}`;
  };
}

// A range that contains these values with a margin; a constant line is in the middle.
export function room(ys, otherwise) {
  const known = ys.filter(exists);
  if (!known.length) return otherwise;
  const [bottom, top] = [Math.min(...known), Math.max(...known)];
  const apart = 0.08 * (top - bottom) || 0.05 * Math.abs(top) || 0.5;
  return [bottom - apart, top + apart];
}

// Between two stored points, the number of events is at least that of the first of them.
function filled(counts) {
  let last = counts.some(exists) ? 0 : null;
  return counts.map((n) => (last = n ?? last));
}

const GAP = 5; // multiple of the usual distance between two points

/** Without events nothing changes, so a gap keeps the values from before it. */
export function held(columns) {
  const [xs] = columns;
  const steps = xs.slice(1).map((x, i) => x - xs[i]);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)];
  const found = columns.map(() => []);
  xs.forEach((x, i) => {
    const gap = i ? steps[i - 1] : 0;
    if (gap > GAP * usual)
      columns.forEach((ys, k) => found[k].push(k ? ys[i - 1] : x - 0.02 * usual));
    columns.forEach((ys, k) => found[k].push(ys[i]));
  });
  return found;
}

export class History {
  constructor() {
    this.by = "t";
    this.zoomed = false;
    this.choice = segments(
      "Along",
      [
        ["t", "Time"],
        ["n", "Events"],
      ],
      "t",
      (by) => {
        this.by = by;
        this.zoomed = false;
        this.#draw(true);
      },
    );
    const tool = (label, act, sign) => {
      const one = button(label, { kind: "quiet small icon-only", onclick: act });
      one.replaceChildren(sign);
      one.setAttribute("aria-label", label);
      one.title = label;
      return one;
    };
    this.whole = button("Whole history", {
      kind: "quiet small",
      disabled: true,
      onclick: () => this.#reset(),
    });
    this.tools = h(
      "div",
      { class: "tools" },
      this.whole,
      tool("Earlier", () => this.#move(-0.3, 1), "←"),
      tool("Later", () => this.#move(0.3, 1), "→"),
      tool("Zoom in", () => this.#move(0, 0.6), "+"),
      tool("Zoom out", () => this.#move(0, 1.7), "−"),
      this.choice,
    );
    this.box = h("div", { class: "history" });
    this.note = h("p", { class: "nothing", hidden: true });
    this.reading = h("p", { class: "hint" }, HINT);
    this.element = h("div", null, this.box, this.reading, this.note);
    this.stop = new AbortController();
    addEventListener("theme", () => this.#draw(true), { signal: this.stop.signal });
    this.watcher = new ResizeObserver(() =>
      this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT }),
    );
    this.watcher.observe(this.element);
  }

  /** @param {string} [none] the reason why there is nothing to draw, if known */
  async update(history, measured, none) {
    this.history = history;
    this.measured = measured;
    const short = !(history?.t?.length > 1);
    this.note.hidden = !short;
    this.box.hidden = short;
    this.reading.hidden = short;
    this.tools.hidden = short;
    this.choice.hidden = !(history?.n?.filter(exists).length > 1);
    if (short) {
      setText(this.note, none ?? "The history begins with the second event.");
      return;
    }
    try {
      this.uPlot ??= await library();
    } catch (error) {
      this.note.hidden = false;
      setText(this.note, error.message);
      return;
    }
    if (!this.stop.signal.aborted) this.#draw(false);
  }

  #data() {
    const { t, n, mean, low, high } = this.history;
    const xs = this.by === "t" ? t.map((time) => (moment(time) ?? 0) / 1000) : n;
    // The axis must increase strictly: of points at the same place, the last one counts.
    // The newest points are not stored yet, and their numbers of events are unknown.
    const known = xs.map((_, i) => i).filter((i) => exists(xs[i]));
    const kept = known.filter((i, k) => !(xs[known[k + 1]] <= xs[i]));
    const take = (ys) => kept.map((i) => ys[i] ?? null);
    const data = [take(xs), take(high), take(low), take(mean), filled(take(n))];
    const drawn = this.by === "t" ? held(data) : data;
    this.counts = drawn.pop();
    return drawn;
  }

  #draw(full) {
    if (!this.uPlot || !this.history || this.box.hidden) return;
    const data = this.#data();
    if (!full && this.plot) {
      this.plot.setData(data, !this.zoomed);
      if (this.zoomed) this.plot.redraw();
      return;
    }
    this.plot?.destroy();
    this.plot = new this.uPlot(this.#options(), data, this.box);
  }

  #options() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--ink-3"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "500 12px Inter, system-ui, sans-serif",
    };
    const time = this.by === "t";
    return {
      width: this.box.clientWidth,
      height: HEIGHT,
      cursor: { drag: { x: true, y: false, setScale: true }, points: { size: 7 } },
      legend: { show: false },
      scales: { x: { time }, y: { range: (plot, low, high) => this.#range(plot, low, high) } },
      axes: [
        {
          ...axis,
          space: 72, // px: the width of hours, minutes and seconds
          values: (_, marks, __, ___, step) => (time ? marks.map(clockOf(step)) : tickTexts(marks)),
        },
        {
          ...axis,
          size: 62,
          ...(this.measured === "log" && {
            splits: (_, __, low, high) => ticksOf([low, high], 5, this.measured),
          }),
          values: (_, marks) => tickTexts(marks, this.measured),
        },
      ],
      series: [
        {},
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: colour("--posterior"), width: 2, points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: colour("--interval-fill") }],
      hooks: {
        setScale: [(plot, name) => name === "x" && this.#scaled(plot)],
        setCursor: [(plot) => this.#read(plot)],
      },
    };
  }

  // The mean is always visible; the wide intervals of the first events may be cut off.
  #range(plot, low, high) {
    const [xs, highs, lows, means] = plot.data;
    const { min, max } = plot.scales.x;
    const inside = (x) => !exists(min) || (x >= min && x <= max); // initially, there is no scale
    const shown = xs.map((_, i) => i).filter((i) => inside(xs[i]));
    const most = this.counts.findLast(exists) ?? 0;
    const steady = shown.filter((i) => (this.counts[i] ?? most) >= SWING * most);
    const kept = this.zoomed || steady.length < 3 ? shown : steady;
    return room(
      [...shown.map((i) => means[i]), ...kept.flatMap((i) => [lows[i], highs[i]])],
      [low ?? 0, high ?? 1],
    );
  }

  #read(plot) {
    const i = plot.cursor.idx;
    if (i === null || i === undefined) {
      setText(this.reading, HINT);
      return;
    }
    const [xs, high, low, mean] = plot.data.map((ys) => ys[i]);
    const ends = exists(low) && exists(high) ? [low, high] : null;
    const written = scale(this.measured, ends);
    const where = this.by === "t" ? when(xs) : `after ${count(xs)}`;
    setText(
      this.reading,
      `${where}: ${written.mean} ${written.text(mean)}${ends ? `, interval ${written.range(ends)}` : ""}`,
    );
  }

  #scaled(plot) {
    const xs = plot.data[0];
    const { min, max } = plot.scales.x;
    // Before the first data, the ends of the scale are null.
    this.zoomed = min !== null && (min > xs[0] || max < xs.at(-1));
    this.whole.disabled = !this.zoomed;
  }

  #reset() {
    this.zoomed = false;
    this.#draw(true);
    this.whole.disabled = true;
  }

  #move(shift, factor) {
    if (!this.plot) return;
    const xs = this.plot.data[0];
    const { min, max } = this.plot.scales.x;
    const half = ((max - min) / 2) * factor;
    const middle = (min + max) / 2 + shift * (max - min);
    const low = Math.max(xs[0], middle - half);
    const high = Math.min(xs.at(-1), middle + half);
    if (high > low) this.plot.setScale("x", { min: low, max: high });
  }

  close() {
    this.stop.abort();
    this.watcher.disconnect();
    this.plot?.destroy();
  }
}
