// The estimates for two coins on an axis from 0 to 1, and their history.

import { h, svg } from "../dom.js";
import { decimals } from "../format.js";

const COINS = ["A", "B"];

/** A line from 0 to 1 with the coins and their previous positions. */
export class Track {
  constructor() {
    this.root = svg("svg", { role: "img", class: "lines", height: 92 });
    this.element = h("div", { class: "plot" }, this.root);
    this.watcher = new ResizeObserver(() => this.last && this.update(...this.last));
    this.watcher.observe(this.element);
  }

  update(path, known) {
    this.last = [path, known];
    const width = this.element.clientWidth;
    if (!width) return;
    this.root.setAttribute("width", width);
    this.root.setAttribute("viewBox", `0 0 ${width} 92`);
    const sx = (theta) => 14 + theta * (width - 28);
    const axis = [
      svg("line", { class: "d-base", x1: sx(0), x2: sx(1), y1: 66, y2: 66 }),
      ...[0, 0.25, 0.5, 0.75, 1].map((theta) =>
        svg("text", { x: sx(theta), y: 86, "text-anchor": "middle" }, String(theta)),
      ),
    ];
    const thetas = known ?? path.at(-1)?.thetas;
    const trail = known
      ? []
      : COINS.flatMap((coin) =>
          path.slice(0, -1).map((step, i) =>
            svg("circle", {
              class: `trail fill-${coin}`,
              cx: sx(step.thetas[coin]),
              cy: 66,
              r: 3,
              "fill-opacity": 0.25 + (0.5 * i) / path.length,
            }),
          ),
        );
    const coins = thetas ? COINS.map((coin) => coinSign(coin, sx(thetas[coin]), 40)) : [];
    this.root.replaceChildren(...axis, ...trail, ...coins);
    this.root.setAttribute(
      "aria-label",
      thetas
        ? `Probability of heads: A ${decimals(thetas.A, 2)}, B ${decimals(thetas.B, 2)}`
        : "Probability of heads, not yet estimated",
    );
  }

  close() {
    this.watcher.disconnect();
  }
}

function coinSign(coin, x, y) {
  return svg(
    "g",
    { transform: `translate(${x.toFixed(1)} ${y})` },
    svg("path", { class: `fill-${coin}`, d: "M0 24L-5 14H5Z" }),
    svg("circle", { class: `fill-${coin}`, r: 15 }),
    svg("text", { class: "on-coin", y: 5, "text-anchor": "middle" }, coin),
  );
}
