// Mean and interval over time, without axes.

import { setAttribute, setText, svg } from "../dom.js";
import { moment, visible } from "../format.js";
import { band, line, linear } from "./axis.js";

const MIN_NAME_HEIGHT = 24; // px; too small for a name
const NAME = 15;

export class Spark {
  constructor() {
    this.range = svg("path", { class: "s-band" });
    this.mean = svg("path", { class: "s-mean" });
    this.end = svg("circle", { class: "s-end", r: 2.2 });
    this.name = svg("text", { class: "s-name", x: 2, y: 10 });
    this.element = svg(
      "svg",
      { class: "spark", role: "img", "aria-label": "Mean and interval over time" },
      this.range,
      this.mean,
      this.end,
      this.name,
    );
    for (const part of [this.range, this.mean, this.end]) part.toggleAttribute("hidden", true);
    this.width = 0;
  }

  resize(width, height) {
    if (this.width === width && this.height === height) return;
    this.width = width;
    this.height = height;
    for (const [name, value] of Object.entries({
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
    })) {
      setAttribute(this.element, name, value);
    }
    if (this.spark) this.update(this.spark, this.note);
  }

  /**
   * @param {object} spark
   * @param {string} [note] a note about the interval
   */
  update(spark, note = "") {
    this.spark = spark;
    this.note = note;
    const text = [spark?.part && visible(spark.part), note].filter(Boolean).join(", ");
    const named = text && this.height > MIN_NAME_HEIGHT;
    setText(this.name, named ? text : "");
    const ends = [spark?.low, spark?.high].map((ys) => settled(ys ?? []));
    const seen = [...ends.flat(), ...(spark?.mean ?? [])].filter((y) => y !== null);
    const drawn = seen.length > 0 && spark.t.length > 1 && this.width > 0;
    for (const part of [this.range, this.mean, this.end]) part.toggleAttribute("hidden", !drawn);
    if (!drawn) return;
    const ts = spark.t.map((t) => moment(t) ?? t);
    const sx = linear([ts[0], ts.at(-1)], [1, this.width - 4]);
    const [least, most] = [Math.min(...seen), Math.max(...seen)];
    // a constant value is a line in the middle
    const apart = most > least ? 0 : Math.abs(most) * 1e-3 || 1;
    const sy = linear([least - apart, most + apart], [this.height - 2, named ? NAME : 3]);
    const below = (y) => Math.max(named ? NAME - 2 : 0, sy(y));
    setAttribute(this.range, "d", band(ts, spark.low, spark.high, sx, below));
    setAttribute(this.mean, "d", line(ts, spark.mean, sx, sy));
    const last = spark.mean.at(-1);
    this.end.toggleAttribute("hidden", last === null);
    if (last === null) return;
    setAttribute(this.end, "cx", sx(ts.at(-1)).toFixed(1));
    setAttribute(this.end, "cy", sy(last).toFixed(1));
  }
}

// The wide first intervals can be cut off, but the mean is never cut off.
const settled = (ys) => (ys.length > 8 ? ys.slice(Math.floor(ys.length / 5)) : ys);
