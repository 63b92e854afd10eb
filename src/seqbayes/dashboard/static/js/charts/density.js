// A belief about a number: posterior density with its interval, prior, likelihood, estimates.

import { h, setAttribute, setText, svg, unit } from "../dom.js";
import { exists, percent, scale, tickTexts } from "../format.js";
import { area, at, greatest, line, linear, ticksOf } from "./axis.js";
import { smooth } from "./smooth.js";

const COMPACT = { top: 8, side: 0, lane: 17, foot: 16 };
const FULL = { top: 14, side: 10, lane: 20, foot: 24 };
let clips = 0;

/** Symbols of the estimates, drawn around (0, 0), which differ in shape and colour. */
export const SIGNS = {
  mle: { name: "MLE", rule: "likelihood", d: "M0-4.500L4 0 0 4.5-4 0Z" },
  map: { name: "MAP", rule: "posterior", d: "M0-4L4.2 3.500H-4.200Z" },
  mean: { name: "mean", rule: "posterior", d: "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0Z" },
};

export class Density {
  /**
   * @param {object} options
   * @param {boolean} [options.full] whether to draw an axis with ticks, and show the values under
   * the pointer
   */
  constructor({ full = false } = {}) {
    this.full = full;
    this.room = full ? FULL : COMPACT;
    this.width = 0;
    this.height = 0;
    this.hidden = new Set();
    const id = `clip${clips++}`;
    this.clip = svg("rect");
    const path = (name) => svg("path", { class: name });
    this.parts = {
      body: path("d-body"),
      interval: path("d-interval"),
      prior: path("d-prior"),
      likelihood: path("d-likelihood"),
      posterior: path("d-posterior"),
    };
    this.base = svg("line", { class: "d-base" });
    this.stem = svg("line", { class: "d-stem" });
    this.limit = svg("line", { class: "d-limit", hidden: true });
    this.marks = Object.fromEntries(
      Object.entries(SIGNS).map(([key, sign]) => [
        key,
        svg("path", { d: sign.d, class: `d-mark d-${key} f-${sign.rule}` }),
      ]),
    );
    this.axis = svg("g", { class: "d-axis" });
    this.low = svg("text", { class: "d-bound", "text-anchor": "middle" });
    this.high = svg("text", { class: "d-bound", "text-anchor": "middle" });
    this.root = svg(
      "svg",
      { role: "img", class: "density" },
      svg("clipPath", { id }, this.clip),
      svg("g", { "clip-path": `url(#${id})` }, ...Object.values(this.parts)),
      this.base,
      this.limit,
      this.stem,
      this.axis,
      this.low,
      this.high,
      ...Object.values(this.marks),
    );
    this.note = h("p", { class: "nothing", hidden: true }, "There is not enough data to draw a density.");
    this.element = h("div", { class: full ? "plot full" : "plot" }, this.root, this.note);
    if (full) this.#listen();
  }

  resize(width, height) {
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    for (const [name, value] of Object.entries({
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
    })) {
      setAttribute(this.root, name, value);
    }
    if (this.card) this.update(this.card, this.measured);
  }

  toggle(part, shown) {
    if (shown) this.hidden.delete(part);
    else this.hidden.add(part);
    if (this.card) this.update(this.card, this.measured);
  }

  /** The extent of a card on a common axis; null if it has no density. */
  extent({ density, mean }) {
    return density?.x?.length ? { low: density.x[0], high: density.x.at(-1), mean } : null;
  }

  /** Use a common axis; null restores the axis of the card. */
  share(shared) {
    if (shared === this.shared) return;
    this.shared = shared;
    if (this.card) this.update(this.card, this.measured);
  }

  update(card, measured) {
    this.card = card;
    this.measured = measured;
    const drawable = Boolean(card.density?.x?.length);
    this.root.toggleAttribute("hidden", !drawable);
    this.note.hidden = drawable || !card.n;
    if (!drawable || this.width === 0) return;
    const density = this.full ? finer(card.density) : card.density;
    this.density = density;
    const { top, side, lane, foot } = this.room;
    const floor = this.height - foot - lane;
    const xs = density.x;
    const domain = this.shared?.domain ?? [xs[0], xs.at(-1)];
    const sx = linear(domain, [side, this.width - side]);
    const peak = greatest(density.posterior) || 1;
    const sy = linear([0, peak * 1.04], [floor, top]);
    this.sx = sx;
    this.sy = sy;
    this.#draw(density, card.interval, sx, sy, floor);
    this.#limit(card.threshold, sx, floor);
    this.#estimates(card, density, sx, sy, floor);
    this.scale = scale(measured, card.interval);
    if (this.full) this.#ticks(sx, this.height - 6);
    else this.#bounds(card.interval, sx, this.height - 2);
    setAttribute(this.root, "aria-label", describe(card, this.scale));
  }

  #draw(density, interval, sx, sy, floor) {
    const { x, posterior } = density;
    const box = { x: 0, y: 0, width: this.width, height: floor };
    for (const [name, value] of Object.entries(box)) setAttribute(this.clip, name, value);
    const draw = (part, d) => setAttribute(this.parts[part], "d", this.hidden.has(part) ? "" : d);
    draw("body", area(x, posterior, sx, sy));
    draw("interval", interval ? area(x, posterior, sx, sy, interval) : "");
    draw("posterior", line(x, posterior, sx, sy));
    const prior = density.prior && (this.shared?.prior ?? { x, y: density.prior });
    draw("prior", prior ? line(prior.x, prior.y, sx, sy) : "");
    draw("likelihood", density.likelihood ? line(x, density.likelihood, sx, sy) : "");
    for (const [name, value] of Object.entries({ x1: 0, x2: this.width, y1: floor, y2: floor })) {
      setAttribute(this.base, name, value);
    }
  }

  // They often coincide; different heights keep all three visible.
  #estimates(card, { x, posterior }, sx, sy, floor) {
    const height = typeof card.mean === "number" ? at(x, posterior, card.mean) : null;
    const heights = { mle: floor, map: floor + 10, mean: height === null ? floor : sy(height) };
    for (const [key, mark] of Object.entries(this.marks)) {
      const value = card[key];
      const across = typeof value === "number" ? sx(value) : NaN;
      const inside = across >= -1 && across <= this.width + 1 && !this.hidden.has(key);
      mark.toggleAttribute("hidden", !inside);
      if (inside)
        setAttribute(
          mark,
          "transform",
          `translate(${across.toFixed(1)} ${heights[key].toFixed(1)})`,
        );
    }
    this.stem.toggleAttribute("hidden", height === null || this.hidden.has("mean"));
    if (height === null) return;
    const across = sx(card.mean).toFixed(1);
    const ends = { x1: across, x2: across, y1: sy(height), y2: sy(0) };
    for (const [name, value] of Object.entries(ends)) setAttribute(this.stem, name, value);
  }

  // The threshold, if it is within the axis.
  #limit(threshold, sx, floor) {
    const x = this.measured === "log" ? Math.log(threshold) : threshold;
    const [low, high] = sx.domain;
    const shown = typeof threshold === "number" && x >= low && x <= high;
    this.limit.toggleAttribute("hidden", !shown);
    if (!shown) return;
    const ends = { x1: sx(x), x2: sx(x), y1: 0, y2: floor };
    for (const [name, value] of Object.entries(ends)) setAttribute(this.limit, name, value.toFixed(1));
  }

  #bounds(interval, sx, y) {
    const sign = 3.3 * unit(); // half as wide as a digit
    const texts = [this.low, this.high];
    for (const text of texts) text.toggleAttribute("hidden", !interval);
    if (!interval) return;
    texts.forEach((text, i) => setText(text, this.scale.text(interval[i])));
    const halves = texts.map((text) => text.textContent.length * sign);
    const apart = halves[0] + halves[1] + 8;
    let [low, high] = interval.map(sx);
    const missing = Math.max(0, apart - (high - low)) / 2;
    low = Math.max(low - missing, halves[0]);
    high = Math.min(Math.max(high + missing, low + apart), this.width - halves[1]);
    low = Math.max(halves[0], Math.min(low, high - apart));
    [low, high].forEach((x, i) => {
      setAttribute(texts[i], "x", x.toFixed(1));
      setAttribute(texts[i], "y", y);
    });
  }

  #ticks(sx, y) {
    const values = ticksOf(sx.domain, Math.max(3, Math.floor(this.width / 90)), this.measured);
    const texts = tickTexts(values, this.measured);
    this.axis.replaceChildren(
      ...values.flatMap((value, i) => {
        const x = sx(value).toFixed(1);
        const floor = this.height - this.room.foot - this.room.lane;
        return [
          svg("line", { x1: x, x2: x, y1: floor, y2: floor + 4 }),
          svg("text", { x, y, "text-anchor": "middle" }, texts[i]),
        ];
      }),
    );
  }

  #listen() {
    this.cursor = svg("line", { class: "d-cursor", hidden: true });
    this.root.append(this.cursor);
    this.reading = h("div", { class: "reading", hidden: true });
    this.element.append(this.reading);
    const leave = () => {
      this.cursor.setAttribute("hidden", "");
      this.reading.hidden = true;
    };
    this.root.addEventListener("pointerleave", leave);
    this.root.addEventListener("pointermove", (event) => {
      if (!this.sx || !this.density) return;
      const x = event.clientX - this.root.getBoundingClientRect().left;
      this.#read(x);
    });
  }

  #read(px) {
    const value = this.sx.invert(px);
    const { x, posterior, prior } = this.density;
    const height = at(x, posterior, value);
    if (height === null) return;
    const shown = px.toFixed(1);
    this.cursor.removeAttribute("hidden");
    const ends = { x1: shown, x2: shown, y1: this.room.top, y2: this.sy(0) };
    for (const [name, end] of Object.entries(ends)) setAttribute(this.cursor, name, end);
    const before = prior ? at(x, prior, value) : null;
    this.reading.hidden = false;
    const item = (rule, sign, y) =>
      y === null ? null : h("span", { class: `c-${rule}` }, `${sign} ${y.toPrecision(3)}`);
    this.reading.replaceChildren(
      h("b", null, this.scale.text(value, 1)),
      ...[item("posterior", "posterior", height), item("prior", "prior", before)].filter(Boolean),
    );
    const left = Math.min(Math.max(px, 70), this.width - 70);
    this.reading.style.left = `${left}px`;
  }
}

// Between two requests for the details, a page has only the few points of a card's density.
function finer({ x: places, ...curves }) {
  const [x, posterior, prior, likelihood] = smooth(
    places,
    curves.posterior,
    curves.prior,
    curves.likelihood,
  );
  return { x, posterior, prior, likelihood };
}

export function describe(card, written) {
  const middle = card.mean ?? card.median;
  if (!exists(middle)) return "Posterior density";
  const inside = card.interval
    ? `, ${percentOf(card)} interval ${written.range(card.interval)}`
    : "";
  return `Posterior density: ${exists(card.mean) ? written.mean : "median"} ${written.text(middle)}${inside}`;
}

export const percentOf = (card) => percent(card.level ?? 0.95);

/** The curves of a belief; a store does not know the last event. */
export function drawn(store) {
  const parts = ["posterior", "interval", "prior", "likelihood", "mle", "map", "mean"];
  return store ? parts.filter((part) => part !== "likelihood") : parts;
}

export function legend(parts, level) {
  return h(
    "ul",
    { class: "legend" },
    ...parts.map((part) => h("li", null, swatch(part), labelOf(part, level))),
  );
}

/** The name of a part of the chart, with intervals at a level. */
export const labelOf = (part, level) =>
  part === "interval" ? `${percent(level)} interval` : LABELS[part];

const LABELS = {
  posterior: "posterior",
  prior: "prior",
  likelihood: "likelihood of the last event",
  mle: "MLE",
  map: "MAP",
  mean: "mean",
};

export function swatch(part) {
  const sign = SIGNS[part];
  const inside = sign
    ? svg("path", {
        d: sign.d,
        class: `d-mark d-${part} f-${sign.rule}`,
        transform: "translate(10 7)",
      })
    : part === "interval"
      ? svg("rect", { x: 2, y: 2, width: 16, height: 10, class: "d-interval" })
      : svg("path", { d: "M1 7H19", class: `d-${part}` });
  return svg("svg", { class: "swatch", viewBox: "0 0 20 14", "aria-hidden": "true" }, inside);
}
