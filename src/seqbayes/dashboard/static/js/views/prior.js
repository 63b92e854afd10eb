// The prior for the candies: a named one, or six sliders that must sum to 1.

import { button, h, segments, setText } from "../dom.js";
import { decimals } from "../format.js";

const PRESETS = [
  ["uniform", "Uniform"],
  ["jeffreys", "Jeffreys"],
  ["park", "A walk in the park"],
  ["own", "Your own"],
];
const STEP = 0.01;
// They sum to 1.
const START = { blue: 0.2, brown: 0.1, green: 0.3, orange: 0.1, red: 0.2, yellow: 0.1 };

export class PriorForm {
  /**
   * @param {string[]} colours
   * @param {Function} start called with {prior, strength}
   * @param {{prior: string, strength?: number}} first the initial prior
   */
  constructor(colours, start, { prior, strength }) {
    const known = { walk: "park" }[prior] ?? prior;
    const kind = PRESETS.some(([name]) => name === known) ? known : "own";
    this.colours = colours;
    this.start = start;
    this.kind = kind;
    this.sliders = new Map();
    this.sum = h("output", { class: "sum", "aria-live": "off" });
    this.refusal = h("p", { class: "refusal", role: "alert", hidden: true });
    this.note = h("p", { class: "hint" });
    this.own = h(
      "div",
      { class: "own", hidden: true },
      ...colours.map((colour) => this.#slider(colour)),
      h(
        "p",
        { class: "total" },
        button("Scale to 1", { kind: "small", onclick: () => this.#rescale() }),
        "Sum ",
        this.sum,
      ),
    );
    this.strength = this.#strength(strength);
    this.go = button("Start with this prior", { kind: "primary", onclick: () => this.submit() });
    this.choice = segments("Prior", PRESETS, kind, (kind) => this.#choose(kind));
    this.element = h(
      "form",
      { class: "prior" },
      h("div", { class: "scroll" }, this.choice),
      this.own,
      this.strength.element,
      this.refusal,
      this.note,
      this.go,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.#choose(kind);
  }

  /** Set the sliders to the shares of a prior that was given as text. */
  adopt(shares) {
    for (const [colour, { input }] of this.sliders) input.value = String(shares[colour] ?? 0);
    this.#update();
  }

  #slider(colour) {
    const id = `share-${colour}`;
    const value = h("output", { for: id });
    const input = h("input", {
      type: "range",
      id,
      min: 0,
      max: 1,
      step: STEP,
      value: String(START[colour]),
    });
    input.addEventListener("input", () => this.#update());
    this.sliders.set(colour, { input, value });
    return h(
      "label",
      { for: id },
      h("span", { class: `candy c-${colour}`, "aria-hidden": "true" }),
      h("span", null, colour),
      input,
      value,
    );
  }

  #strength(candies = 100) {
    const value = h("output", { for: "strength" });
    const input = h("input", {
      type: "range",
      id: "strength",
      min: 0,
      max: 3.4,
      step: 0.05,
      value: String(Math.log10(Math.max(candies, 1))),
    });
    const element = h(
      "label",
      { for: "strength", class: "strength" },
      h("span", null, "Weight"),
      input,
      value,
    );
    const read = () => {
      const worth = 10 ** Number(input.value);
      return worth < 10 ? Math.round(worth * 2) / 2 : Math.round(worth);
    };
    const say = () => {
      setText(value, `${read().toLocaleString("en")} candies`);
      input.setAttribute("aria-valuetext", value.textContent);
    };
    input.addEventListener("input", say);
    say();
    return { element, read };
  }

  #choose(kind) {
    this.kind = kind;
    this.own.hidden = kind !== "own";
    this.strength.element.hidden = kind !== "own" && kind !== "park";
    this.showError(null);
    const notes = {
      uniform: "Every mix of colours is equally probable; equivalent to six imagined candies, one of each colour.",
      jeffreys: "Invariant under transformations of the shares; equivalent to three imagined candies.",
      park: "A guess from memory: green 40 %, red 25 %, blue 20 %, yellow 15 %. It omits brown and orange, which count as one imagined candy each.",
      own: "Six shares that sum to 1. The more imagined candies they are equivalent to, the more data it takes to change them.",
    };
    setText(this.note, notes[kind]);
    this.#update();
  }

  get shares() {
    return Object.fromEntries(
      [...this.sliders].map(([colour, { input }]) => [
        colour,
        Math.round(100 * Number(input.value)) / 100,
      ]),
    );
  }

  #update() {
    let sum = 0;
    for (const { input, value } of this.sliders.values()) {
      sum += Number(input.value);
      setText(value, decimals(Number(input.value), 2));
    }
    const right = Math.abs(sum - 1) < 1e-9;
    setText(
      this.sum,
      `${decimals(sum, 2)}${right ? " ✓" : sum > 1 ? ` , ${decimals(sum - 1, 2)} over` : ` , ${decimals(1 - sum, 2)} under`}`.replace(
        " ,",
        ",",
      ),
    );
    this.sum.classList.toggle("wrong", !right);
  }

  #rescale() {
    const parts = scaled([...this.sliders.values()].map(({ input }) => Number(input.value)));
    [...this.sliders.values()].forEach(({ input }, i) => (input.value = String(parts[i])));
    this.#update();
  }

  submit() {
    const prior = this.kind === "own" ? this.shares : this.kind;
    this.start({ prior, ...(!this.strength.element.hidden && { strength: this.strength.read() }) });
  }

  /** Show why a prior is invalid; null hides the message. */
  showError(reason) {
    this.refusal.hidden = reason === null;
    setText(this.refusal, reason ?? "");
  }
}

// Shares rounded to whole steps by the largest-remainder method, so that they sum to 1.
function scaled(values) {
  const sum = values.reduce((total, value) => total + value, 0);
  const steps = Math.round(1 / STEP);
  const exact = values.map((value) => (steps * (sum > 0 ? value : 1)) / (sum || values.length));
  const parts = exact.map(Math.floor);
  const cut = exact.map((value, i) => [value - parts[i], i]).sort((a, b) => b[0] - a[0]);
  const left = steps - parts.reduce((total, part) => total + part, 0);
  for (const [, i] of cut.slice(0, left)) parts[i] += 1;
  return parts.map((part) => part / steps);
}
