// Marginals of several numbers: small densities or bars.

import { h, setText } from "../dom.js";
import { measure, scale, visible } from "../format.js";
import { chartOf } from "./kinds.js";

const HEIGHT = 104;

export class Marginals {
  constructor() {
    this.parts = new Map();
    this.element = h("ul", { class: "marginals" });
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(this.element);
  }

  update(marginals) {
    for (const card of marginals) {
      const part = this.parts.get(card.name) ?? this.#part(card);
      const written = scale(measure(card), card.interval);
      const named = card.shares?.length || typeof card.mean !== "number";
      setText(part.value, named ? "" : `${written.mean} ${written.text(card.mean)}`);
      part.chart.update(card, measure(card));
    }
    this.#fit();
  }

  #part({ name, kind }) {
    const chart = chartOf(kind);
    const value = h("span", { class: "muted" });
    const element = h("li", null, h("h3", null, visible(name), value), chart.element);
    const part = { chart, value, element };
    this.parts.set(name, part);
    this.element.append(element);
    return part;
  }

  #fit() {
    for (const { chart, element } of this.parts.values()) {
      if (element.clientWidth) chart.resize?.(element.clientWidth, HEIGHT);
    }
  }

  close() {
    this.watcher.disconnect();
  }
}
