// The density of one share before and after a candy, and after another candy of the same colour.

import { h, setAttribute, svg } from "../dom.js";
import { greatest, line, linear } from "./axis.js";

const HEIGHT = 132;
const FOOT = 18;
const POINTS = 160;
const POLE_RATIO = 8; // ratio to the other densities up to which the whole prior is shown

export class Update {
  constructor() {
    this.prior = svg("path", { class: "d-prior" });
    this.posterior = svg("path", { class: "d-posterior" });
    this.next = svg("path", { class: "d-next" });
    this.claim = svg("line", { class: "level" });
    this.name = svg("text", { "text-anchor": "middle" });
    this.base = svg("line", { class: "d-base" });
    this.labels = svg("g");
    this.root = svg(
      "svg",
      {
        role: "img",
        class: "lines",
        "aria-label": "Densities of the share of this colour, before and after",
      },
      this.base,
      this.claim,
      this.prior,
      this.next,
      this.posterior,
      this.name,
      this.labels,
    );
    this.element = h("div", { class: "plot update-plot" }, this.root);
    this.watcher = new ResizeObserver(() => this.last && this.update(...this.last));
    this.watcher.observe(this.element);
  }

  clear() {
    this.last = null;
    for (const part of [this.prior, this.posterior, this.next]) part.setAttribute("d", "");
    this.claim.setAttribute("hidden", "");
    this.name.textContent = "";
  }

  /**
   * Draw the Beta densities around one step.
   *
   * The step contains the value of each density at the published share. These values determine the
   * normalising constants.
   */
  update(rule, alpha, rest, widest) {
    this.last = [rule, alpha, rest, widest];
    const width = this.element.clientWidth;
    if (!width) return;
    for (const [name, value] of Object.entries({
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
    }))
      setAttribute(this.root, name, value);
    const floor = HEIGHT - FOOT;
    const { xs, before, after, next } = densities(rule, alpha, rest, widest);
    const at = rule.share;
    const sx = linear([0, widest], [0, width]);
    // A prior with a pole at an end of the axis has no maximum.
    const highest = greatest(after, next);
    const top = Math.max(highest, Math.min(greatest(before), POLE_RATIO * highest));
    const sy = linear([0, 1.06 * top], [floor, 6]);
    const clamp = (y) => Math.max(-20, sy(y));
    setAttribute(this.prior, "d", line(xs, before, sx, clamp));
    setAttribute(this.posterior, "d", line(xs, after, sx, clamp));
    setAttribute(this.next, "d", line(xs, next, sx, clamp));
    const x = sx(at).toFixed(1);
    this.claim.removeAttribute("hidden");
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 4, y2: floor }))
      setAttribute(this.claim, name, value);
    for (const [name, value] of Object.entries({ x1: 0, x2: width, y1: floor, y2: floor }))
      setAttribute(this.base, name, value);
    setAttribute(this.name, "x", x);
    setAttribute(this.name, "y", HEIGHT - 4);
    this.name.textContent = `${Math.round(100 * at)} %`;
  }

  /** The curves as rows of a file. */
  rows() {
    const heads = ["share", "prior", "posterior", "after one more"];
    if (!this.last) return [heads];
    const { xs, before, after, next } = densities(...this.last);
    return [heads, ...xs.map((x, i) => [x, before[i], after[i], next[i]])];
  }

  close() {
    this.watcher.disconnect();
  }
}

function densities(rule, alpha, rest, widest) {
  const xs = Array.from({ length: POINTS }, (_, i) => ((i + 0.5) / POINTS) * widest);
  const at = rule.share;
  const density = (a, b, height) =>
    xs.map(
      (x) =>
        height * Math.exp((a - 1) * Math.log(x / at) + (b - 1) * Math.log((1 - x) / (1 - at))),
    );
  const [a, b] = rule.observed === false ? [0, 1] : [1, 0];
  return {
    xs,
    before: density(alpha - a, rest - b, rule.prior),
    after: density(alpha, rest, rule.posterior),
    next: density(alpha + a, rest + b, rule.next_posterior),
  };
}
