// Mean and interval over time, with zoom. uPlot is loaded when it is first needed.

import { button, h, segments, setText, sheet } from "../dom.js";
import { count, exists, moment, percent, scale, tickTexts, when } from "../format.js";
import { ticksOf } from "./axis.js";
import { broken, isolated } from "./gaps.js";
import { RangeChoice } from "./ranges.js";

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

/** Begin to load what a chart needs, while its data are requested. */
export function prepare() {
  library().catch(() => null); // reported when it is used
}

const HEIGHT = 260;
const MIN_ALTERNATION = 0.1; // share of all events
const FAR_RATIO = 2; // multiple of the range of the values up to which a level is shown
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

// A range that contains these values with a margin; a constant value is in the middle.
export function room(ys, otherwise) {
  const known = ys.filter(exists);
  if (!known.length) return otherwise;
  const [bottom, top] = [Math.min(...known), Math.max(...known)];
  const apart = 0.08 * (top - bottom) || 0.05 * Math.abs(top) || 0.5;
  return [bottom - apart, top + apart];
}

/** Values and a level, unless the level is so far away that the values would be a flat line. */
function near(ys, level) {
  const known = ys.filter(exists);
  if (!exists(level) || !known.length) return ys;
  const [bottom, top] = [Math.min(...known), Math.max(...known)];
  const away = Math.max(bottom - level, level - top);
  return away <= FAR_RATIO * (top - bottom) ? [...ys, level] : ys;
}

// Between two stored points, the number of events is at least that of the first point.
function filled(counts) {
  let last = counts.some(exists) ? 0 : null;
  return counts.map((n) => (last = n ?? last));
}

const DASHES = [[], [8, 4], [2, 4], [10, 3, 2, 3], [5, 5], [12, 4]];
const MAX_MARKS = 12;

/** The colour of a curve, determined by its place among all keys or among the curves. */
const seriesOf = (place, i) => `--series-${((place ?? i) % 6) + 1}`;

/** A fill for the interval of a line of this colour. */
const pale = (colour) => `color-mix(in srgb, ${colour} 14%, transparent)`;

/** A note about curves whose intervals were stored with another level; empty if all have this level. */
export function storedLevel(curves, level) {
  const other = curves.find((curve) => curve.t.length && curve.level !== Number(level));
  return other
    ? `The history has ${percent(other.level)} intervals: the store has no states from which to compute ${percent(level)} intervals.`
    : "";
}

export class History {
  constructor() {
    this.by = "t";
    this.zoomed = false;
    this.ranges = new RangeChoice(() => this.#ranged());
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
        this.ranges.released(false);
        this.ranges.element.hidden = by === "n";
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
      this.ranges.element,
      this.whole,
      tool("Earlier", () => this.#move(-0.3, 1), "←"),
      tool("Later", () => this.#move(0.3, 1), "→"),
      tool("Zoom in", () => this.#move(0, 0.6), "+"),
      tool("Zoom out", () => this.#move(0, 1.7), "−"),
      this.choice,
    );
    this.box = h("div", { class: "history" });
    this.note = h("p", { class: "nothing", hidden: true });
    this.reading = h("p", { class: "hint cursor-hint" }, HINT);
    this.events = h("ol", { class: "marks", "aria-label": "Annotations and alerts" });
    this.element = h("div", null, this.box, this.reading, this.events, this.note);
    this.stop = new AbortController();
    addEventListener("theme", () => this.#draw(true), { signal: this.stop.signal });
    this.watcher = new ResizeObserver(() =>
      this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT }),
    );
    this.watcher.observe(this.element);
  }

  /**
   * @param {object[]} curves with `t`, `mean`, `low`, `high`, `n` and, if there are several, `name`
   *   and `place`, which determines the colour
   * @param {string} measured the field `measured` of the belief
   * @param {object} options
   * @param {object[]} [options.marks] annotations and alerts
   * @param {string} [options.none] the reason why there is nothing to draw, if known
   * @param {number|null} [options.level] a horizontal line, such as the threshold
   */
  async update(curves, measured, { marks = [], none, level = null } = {}) {
    this.level = level;
    this.curves = curves;
    this.measured = measured;
    this.marks = marks.slice(-MAX_MARKS);
    const short = !curves.some(({ t }) => t?.length > 1);
    this.note.hidden = !short;
    for (const part of [this.box, this.reading, this.tools, this.events]) part.hidden = short;
    this.choice.hidden = !curves.every(({ n }) => n?.filter(exists).length > 1);
    this.#list();
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

  #list() {
    const shown = this.marks.map(({ at, text, kind }) => `${kind === "alert" ? "Alert" : "Annotation"}, ${when(at)}: ${text}`);
    const key = shown.join("\n");
    if (key === this.listed) return;
    this.listed = key;
    this.events.replaceChildren(...shown.map((text) => h("li", null, text)));
  }

  // The columns of each curve: positions, upper ends, lower ends, means and numbers of events.
  #tables() {
    return this.curves.map(({ t, n, mean, low, high }) => {
      const xs = this.by === "t" ? t.map((time) => (moment(time) ?? 0) / 1000) : n;
      // The axis must increase strictly: of several points at one position, the last one counts.
      // The newest points are not stored yet, and their numbers of events are unknown.
      const known = xs.map((_, i) => i).filter((i) => exists(xs[i]));
      const kept = known.filter((i, k) => !(xs[known[k + 1]] <= xs[i]));
      const take = (ys) => kept.map((i) => ys[i] ?? null);
      const columns = [take(xs), take(high), take(low), take(mean), filled(take(n))];
      return this.by === "t" ? broken(columns) : columns;
    });
  }

  #data() {
    this.tables = this.#tables();
    this.lone = this.tables.map((table) => isolated(table.slice(0, 4)));
    const drawn = this.tables.map((table) => table.slice(0, 4));
    return drawn.length > 1 ? this.uPlot.join(drawn) : drawn[0];
  }

  #draw(full) {
    if (!this.uPlot || !this.curves || this.box.hidden) return;
    const data = this.#data();
    const names = this.curves.map(({ name }) => name).join("\n");
    if (!full && this.plot && names === this.names) {
      this.plot.setData(data, !this.zoomed);
      if (this.zoomed) this.plot.redraw();
    } else {
      this.names = names;
      this.plot?.destroy();
      this.plot = new this.uPlot(this.#options(), data, this.box);
    }
    if (this.by === "t") {
      this.ranges.offer([data[0][0], data[0].at(-1)]);
      this.#show(this.ranges.ends());
    }
  }

  #ranged() {
    const ends = this.ranges.ends();
    if (ends) this.#show(ends);
    else if (!this.ranges.select.value) this.#reset();
  }

  #show(ends) {
    if (!ends || !this.plot) return;
    this.zoomed = true; // so that the scale is not adapted to the data
    this.expected = ends;
    this.plot.batch(() => this.plot.setScale("x", { min: ends[0], max: ends[1] }));
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
      series: [{}, ...this.curves.flatMap((_, i) => this.#series(i, colour))],
      bands: this.curves.map(({ place }, i) => ({
        series: [3 * i + 1, 3 * i + 2],
        fill: this.curves.length > 1 ? pale(colour(seriesOf(place, i))) : colour("--interval-fill"),
      })),
      hooks: {
        draw: [(plot) => this.#mark(plot, colour), (plot) => this.#line(plot, colour)],
        setScale: [(plot, name) => name === "x" && this.#scaled(plot)],
        setCursor: [(plot) => this.#read(plot)],
      },
    };
  }

  #series(i, colour) {
    const several = this.curves.length > 1;
    const end = { stroke: "transparent", points: { show: false } };
    const filter = (plot) => plot.data[0].flatMap((x, k) => (this.lone[i].has(x) ? [k] : []));
    const { place = i } = this.curves[i];
    const stroke = colour(several ? seriesOf(place, i) : "--posterior");
    const dash = several ? DASHES[place % 6] : [];
    return [end, end, { stroke, width: 2, dash, points: { show: true, size: 5, fill: stroke, filter } }];
  }

  // Annotations and alerts are numbered lines; the list below has their texts.
  #mark(plot, colour) {
    if (this.by !== "t") return;
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    ctx.font = `600 ${11 * devicePixelRatio}px Inter, system-ui, sans-serif`;
    this.marks.forEach(({ at, kind }, i) => {
      const x = plot.valToPos(at, "x", true);
      if (x < left || x > left + width) return;
      ctx.strokeStyle = ctx.fillStyle = colour(kind === "alert" ? "--bad" : "--ink-2");
      ctx.setLineDash(kind === "alert" ? [] : [4 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      ctx.fillText(`${i + 1}${kind === "alert" ? "!" : ""}`, x + 4 * devicePixelRatio, top + (12 + 12 * (i % 3)) * devicePixelRatio);
    });
    ctx.restore();
  }

  #line(plot, colour) {
    if (!exists(this.level)) return;
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const y = plot.valToPos(this.level, "y", true);
    if (y < top || y > top + height) return;
    ctx.save();
    ctx.strokeStyle = colour("--ink-2");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    ctx.restore();
  }

  // The mean is always visible; the wide intervals of the first events can be cut off.
  #range(plot, low, high) {
    const { min, max } = plot.scales.x;
    const inside = (x) => !exists(min) || (x >= min && x <= max); // initially, there is no scale
    const ys = this.tables.flatMap(([xs, highs, lows, means, counts]) => {
      const shown = xs.map((_, i) => i).filter((i) => inside(xs[i]));
      const most = counts.findLast(exists) ?? 0;
      const steady = shown.filter((i) => (counts[i] ?? most) >= MIN_ALTERNATION * most);
      const kept = this.zoomed || steady.length < 3 ? shown : steady;
      return [...shown.map((i) => means[i]), ...kept.flatMap((i) => [lows[i], highs[i]])];
    });
    return room(near(ys, this.level), [low ?? 0, high ?? 1]);
  }

  #read(plot) {
    const i = plot.cursor.idx;
    if (i === null || i === undefined) {
      setText(this.reading, HINT);
      return;
    }
    const at = plot.data[0][i];
    const said = this.curves.flatMap(({ name }, k) => {
      const [xs, highs, lows, means] = this.tables[k];
      const last = xs.findLastIndex((x) => x <= at); // the curves have different places
      const [high, low, mean] = [highs, lows, means].map((ys) => ys[last]);
      const ends = exists(low) && exists(high) ? [low, high] : null;
      if (!exists(mean) && !ends) return [];
      const written = scale(this.measured, ends);
      return `${name ?? written.mean} ${written.text(mean)}${ends ? `, interval ${written.range(ends)}` : ""}`;
    });
    const where = this.by === "t" ? when(at) : `after ${count(at)}`;
    setText(this.reading, said.length ? `${where}: ${said.join("; ")}` : `${where}: no data`);
  }

  #scaled(plot) {
    const xs = plot.data[0];
    const { min, max } = plot.scales.x;
    // Before the first data, the ends of the scale are null.
    this.zoomed = min !== null && (min > xs[0] || max < xs.at(-1));
    this.whole.disabled = !this.zoomed;
    const chosen = this.expected?.[0] === min && this.expected[1] === max;
    if (!chosen) this.ranges.released(this.zoomed);
  }

  #reset() {
    this.zoomed = false;
    this.ranges.released(false);
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
    if (!(high > low)) return;
    this.ranges.released(true);
    this.plot.setScale("x", { min: low, max: high });
  }

  close() {
    this.stop.abort();
    this.watcher.disconnect();
    this.plot?.destroy();
  }
}
