// One jar per colour. Candies drop in, and shrink when the fullest jar is full.

import { h, setText } from "../dom.js";
import { count } from "../format.js";
import { prefersReducedMotion } from "../prefs.js";

const SIZES = [30, 24, 19, 15, 12, 10, 8, 6.5, 5.5, 4.6, 4];
const HEIGHT = 190;
const FALL_MS = 420; // ms

export class Jars {
  constructor(colours) {
    this.colours = colours;
    this.jars = new Map(
      colours.map((colour) => {
        const canvas = h("canvas", { height: HEIGHT, "aria-hidden": "true" });
        const number = h("b", null, "0");
        const element = h(
          "li",
          { class: "jar", "data-colour": colour },
          h("div", { class: "glass" }, canvas),
          h(
            "p",
            null,
            h("span", { class: `candy c-${colour}`, "aria-hidden": "true" }),
            number,
            h("span", null, ` ${colour}`),
          ),
        );
        return [colour, { canvas, number, element, n: 0 }];
      }),
    );
    this.list = h(
      "ul",
      { class: "jars", "aria-label": "Candies drawn, by colour" },
      ...[...this.jars.values()].map(({ element }) => element),
    );
    this.dropLayer = h("div", { class: "drop-layer", "aria-hidden": "true" });
    this.element = h("div", { class: "stage" }, this.dropLayer, this.list);
    this.size = 0;
    this.stop = new AbortController();
    addEventListener("theme", () => this.#redraw(), { signal: this.stop.signal });
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(this.list);
  }

  clear() {
    for (const jar of this.jars.values()) jar.n = 0;
    this.size = 0;
    this.dropLayer.replaceChildren();
    this.#fit();
  }

  /** Add candies; a single one is animated. */
  drop(colours) {
    for (const colour of colours) {
      const jar = this.jars.get(colour);
      jar.n += 1;
      if (!this.#fits(jar.n)) this.#shrink();
      if (jar.n - 1 < this.capacity) this.#draw(jar, jar.n - 1);
    }
    for (const [colour, { number, n }] of this.jars)
      if (colours.includes(colour)) setText(number, count(n));
    this.#fall(colours.at(-1), colours.length > 1);
  }

  #fall(colour, many) {
    const jar = this.jars.get(colour).element;
    const candy = h("span", { class: `candy big c-${colour}` });
    this.dropLayer.replaceChildren(candy);
    if (many || prefersReducedMotion() || !candy.animate) return;
    const from = this.dropLayer.getBoundingClientRect();
    const to = jar.getBoundingClientRect();
    const x = to.left + to.width / 2 - (from.left + from.width / 2);
    const y = to.top + 40 - from.top;
    candy.animate(
      [
        { transform: "translate(0, 0) scale(1)", easing: "ease-out" },
        { transform: `translate(${x}px, -8px) scale(1)`, offset: 0.55, easing: "ease-in" },
        { transform: `translate(${x}px, ${y}px) scale(0.6)`, opacity: 1, offset: 0.95 },
        { transform: `translate(${x}px, ${y}px) scale(0.6)`, opacity: 0 },
      ],
      { duration: FALL_MS, fill: "forwards" },
    );
  }

  #fit() {
    const first = this.jars.values().next().value;
    const glass = first.canvas.parentElement;
    const { paddingLeft, paddingRight } = getComputedStyle(glass);
    const width = Math.floor(
      glass.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight),
    );
    if (!width) return;
    this.width = width;
    this.pixelRatio = Math.min(2, devicePixelRatio || 1);
    for (const jar of this.jars.values()) {
      jar.canvas.width = width * this.pixelRatio;
      jar.canvas.height = HEIGHT * this.pixelRatio;
      jar.canvas.style.width = `${width}px`;
      jar.canvas.style.height = `${HEIGHT}px`;
      setText(jar.number, count(jar.n));
    }
    this.size = 0;
    while (
      !this.#fits(Math.max(...[...this.jars.values()].map(({ n }) => n), 1)) &&
      this.size < SIZES.length - 1
    )
      this.size += 1;
    this.#redraw();
  }

  #grid() {
    const size = SIZES[this.size];
    const across = Math.max(1, Math.floor((this.width - 4) / size));
    const rows = Math.max(1, Math.floor((HEIGHT - 4) / (size * 0.9)));
    return { size, across, rows };
  }

  get capacity() {
    const { across, rows } = this.#grid();
    return across * rows;
  }

  #fits(n) {
    return !this.width || n <= this.capacity;
  }

  #shrink() {
    if (this.size === SIZES.length - 1) return;
    this.size += 1;
    this.#redraw();
  }

  #redraw() {
    if (!this.width) return;
    for (const jar of this.jars.values()) {
      jar.canvas.getContext("2d").clearRect(0, 0, jar.canvas.width, jar.canvas.height);
      const shown = Math.min(jar.n, this.capacity);
      for (let i = 0; i < shown; i++) this.#draw(jar, i);
    }
  }

  #draw(jar, i) {
    if (!this.width) return;
    const { size, across } = this.#grid();
    const row = Math.floor(i / across);
    const start = (this.width - across * size) / 2;
    const jitter = ((i * 7919) % 13) / 13 - 0.5; // irregular positions
    const x = start + (i % across) * size + size / 2 + jitter * size * 0.16;
    const y = HEIGHT - 3 - size / 2 - row * size * 0.9;
    const pen = jar.canvas.getContext("2d");
    pen.setTransform(this.pixelRatio, 0, 0, this.pixelRatio, 0, 0);
    pen.fillStyle = this.#ink(jar.element.dataset.colour);
    pen.beginPath();
    pen.arc(x, y, size * 0.46, 0, 2 * Math.PI);
    pen.fill();
    if (size < 9) return;
    pen.fillStyle = "rgb(255 255 255 / 28%)";
    pen.beginPath();
    pen.ellipse(x - size * 0.13, y - size * 0.17, size * 0.17, size * 0.11, -0.6, 0, 2 * Math.PI);
    pen.fill();
  }

  #ink(colour) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${colour}`).trim();
  }

  close() {
    this.stop.abort();
    this.watcher.disconnect();
  }
}
