// A mixture: the weighted density of every component, and their sum.

import { h, setAttribute, svg } from "../dom.js";
import { probability, tickTexts } from "../format.js";
import { area, greatest, line, linear, stems, ticks } from "./axis.js";
import { smooth } from "./smooth.js";

// A single tick would not show the scale, so the number of ticks is increased.
function several(domain, about) {
  const marks = ticks(domain, about);
  return marks.length > 1 || about > 8 ? marks : several(domain, about + 1);
}

export class Components {
  constructor({ full = false, most = 6 } = {}) {
    this.full = full;
    this.most = most;
    this.width = 0;
    this.root = svg("svg", { role: "img", "aria-label": "Mixture density", class: "mixture" });
    this.total = svg("path", { class: "m-total" });
    this.axis = svg("g", { class: "d-axis" });
    this.layers = [];
    this.list = h("ul", { class: "weights" });
    this.element = h("div", { class: "plot" }, this.root, this.list);
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    if (this.card) this.update(this.card);
  }

  /** The extent of a card on a common axis; null if it has no density. */
  extent({ x }) {
    return x?.length ? { low: x[0], high: x.at(-1) } : null;
  }

  /** Use a common axis; null restores the axis of the card. */
  share(shared) {
    if (shared === this.shared) return;
    this.shared = shared;
    if (this.card) this.update(this.card);
  }

  update(card) {
    this.card = card;
    const components = (card.components ?? []).slice(0, this.most);
    const drawn = Boolean(card.x?.length && card.total?.length && this.width);
    this.root.toggleAttribute("hidden", !drawn);
    if (drawn) this.#draw(card, components);
    this.#list(card, components, drawn);
  }

  #draw(card, components) {
    const height = this.full ? this.height : this.height - 22 * Math.min(3, components.length);
    const foot = this.full ? 24 : 16;
    for (const [name, value] of Object.entries({
      width: this.width,
      height,
      viewBox: `0 0 ${this.width} ${height}`,
    })) {
      setAttribute(this.root, name, value);
    }
    const side = card.discrete ? 12 : 0;
    const domain = this.shared?.domain ?? [card.x[0], card.x.at(-1)];
    const sx = linear(domain, [side, this.width - side]);
    const sy = linear([0, 1.04 * (greatest(card.total) || 1)], [height - foot, 6]);
    const curves = [card.total, ...components.map(({ density }) => density)];
    const coarse = card.discrete || !this.full;
    const [xs, total, ...densities] = coarse ? [card.x, ...curves] : smooth(card.x, ...curves);
    // Counts are drawn as adjacent stems, measurements as areas.
    const shape = (density, i) => {
      if (!density) return "";
      const shift = 6 * (i - (components.length - 1) / 2);
      return card.discrete ? stems(xs, density, sx, sy, shift) : area(xs, density, sx, sy);
    };
    const kind = card.discrete ? " stems" : "";
    this.layers = densities.map((density, i) =>
      svg("path", { class: `m-part series-${(i % 6) + 1}${kind}`, d: shape(density, i) }),
    );
    setAttribute(this.total, "class", `m-total${kind}`);
    setAttribute(this.total, "d", line(xs, total, sx, sy));
    const marks = several(sx.domain, this.full ? 8 : 3);
    const texts = tickTexts(marks);
    this.axis.replaceChildren(
      ...marks.map((x, i) =>
        svg(
          "text",
          {
            x: Math.min(Math.max(sx(x), 10), this.width - 10),
            y: height - 3,
            "text-anchor": "middle",
          },
          texts[i],
        ),
      ),
    );
    this.root.replaceChildren(...this.layers, this.total, this.axis);
  }

  #list(card, components, drawn) {
    const shown = this.full || !drawn ? components : components.slice(0, 3);
    const rows = shown.map((component, i) =>
      h(
        "li",
        null,
        h("span", { class: `dot series-${(i % 6) + 1}`, "aria-hidden": "true" }),
        h("b", null, String(component.name)),
        h("span", { class: "muted text", title: component.text ?? "" }, component.text ?? ""),
        h("span", { class: "value" }, probability(component.weight)),
      ),
    );
    this.list.replaceChildren(...rows);
  }
}
