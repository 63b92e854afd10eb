// Several densities over one another.

import { h, setAttribute, svg } from "../dom.js";
import { tickTexts } from "../format.js";
import { area, greatest, line, linear, ticksOf } from "./axis.js";
import { smooth } from "./smooth.js";

const HEIGHT = 320;
const FOOT = 26;

export const strokeClass = (i) => `series-${(i % 6) + 1} dash-${(i % 6) + 1}`;

export class Overlay {
  constructor() {
    this.root = svg("svg", { role: "img", class: "lines" });
    this.element = h("div", { class: "plot compare-plot" }, this.root);
    this.watcher = new ResizeObserver(() => this.cards && this.update(this.cards, this.family));
    this.watcher.observe(this.element);
  }

  update(cards, family) {
    this.cards = cards;
    this.family = family;
    const width = this.element.clientWidth;
    const drawn = cards.filter((card) => card.density?.x?.length);
    if (!width || !drawn.length) {
      this.root.replaceChildren();
      return;
    }
    for (const [name, value] of Object.entries({
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
    })) {
      setAttribute(this.root, name, value);
    }
    const low = Math.min(...drawn.map((card) => card.density.x[0]));
    const high = Math.max(...drawn.map((card) => card.density.x.at(-1)));
    const sx = linear([low, high], [6, width - 6]);
    const floor = HEIGHT - FOOT;
    const sy = linear(
      [0, 1.12 * Math.max(...drawn.map((card) => greatest(card.density.posterior)))],
      [floor, 4],
    );
    const curves = cards.flatMap((card, i) => {
      if (!card.density) return [];
      const [x, posterior] = smooth(card.density.x, card.density.posterior);
      return [
        svg("path", { class: `c-fill series-${(i % 6) + 1}`, d: area(x, posterior, sx, sy) }),
        svg("path", { class: `c-line ${strokeClass(i)}`, d: line(x, posterior, sx, sy) }),
      ];
    });
    this.root.replaceChildren(
      ...curves,
      ...this.#letters(cards, sx, sy),
      ...this.#axis(sx, width, floor),
    );
    setAttribute(
      this.root,
      "aria-label",
      `Posterior densities of ${cards.length} keys; the table below has their numbers`,
    );
  }

  #letters(cards, sx, sy) {
    return cards.flatMap((card, i) => {
      if (!card.density) return [];
      const { x, posterior } = card.density;
      const top = posterior.indexOf(greatest(posterior));
      if (top < 0) return [];
      const place = { x: sx(x[top]).toFixed(1), y: (sy(posterior[top]) - 6).toFixed(1) };
      return [svg("text", { ...place, class: "letter", "text-anchor": "middle" }, letter(i))];
    });
  }

  #axis(sx, width, floor) {
    const marks = ticksOf(sx.domain, Math.max(3, Math.floor(width / 110)), this.family);
    const texts = tickTexts(marks, this.family);
    return [
      svg("line", { class: "d-base", x1: 0, x2: width, y1: floor, y2: floor }),
      ...marks.map((value, i) =>
        svg(
          "text",
          { x: sx(value).toFixed(1), y: HEIGHT - 6, "text-anchor": "middle" },
          texts[i],
        ),
      ),
    ];
  }

  close() {
    this.watcher.disconnect();
  }
}

export const letter = (i) => "ABCDEF"[i] ?? String(i + 1);
