// The choice of a time range: presets that end now, or two moments.

import { h } from "../dom.js";

const HOUR = 3600;
const CUSTOM = "custom";
const ZOOMED = "zoomed";
const PRESETS = [
  ["", "Whole history"],
  [String(HOUR), "Last hour"],
  [String(24 * HOUR), "Last 24 hours"],
  [String(7 * 24 * HOUR), "Last 7 days"],
  [String(30 * 24 * HOUR), "Last 30 days"],
  [CUSTOM, "From … to …"],
];

const two = (n) => String(n).padStart(2, "0");

/** The value of a datetime-local input, in local time. */
function local(seconds) {
  const at = new Date(1000 * seconds);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export class RangeChoice {
  /** @param {Function} changed called after a choice */
  constructor(changed) {
    const zoomed = h("option", { value: ZOOMED, hidden: true }, "Zoomed");
    const options = PRESETS.map(([value, text]) => h("option", { value }, text));
    this.changed = changed;
    this.select = h("select", { "aria-label": "Time range", onchange: () => this.#chosen() }, ...options, zoomed);
    [this.from, this.to] = ["From", "To"].map((name) =>
      h("input", { type: "datetime-local", step: 1, "aria-label": name, onchange: changed }),
    );
    this.custom = h("span", { class: "moments", hidden: true }, this.from, " to ", this.to);
    this.element = h("span", { class: "ranges" }, h("label", { class: "select" }, this.select), this.custom);
  }

  #chosen() {
    this.custom.hidden = this.select.value !== CUSTOM;
    this.changed();
  }

  /** Offer the ends of a history as moments. */
  offer([first, last]) {
    if (!this.from.value) this.from.value = local(first);
    if (!this.to.value) this.to.value = local(last + 1);
  }

  /** The chosen ends in seconds since 1970, or null for the whole history. */
  ends(now = Date.now() / 1000) {
    const { value } = this.select;
    if (value === CUSTOM) {
      const [from, to] = [this.from, this.to].map((input) => Date.parse(input.value) / 1000);
      return from < to ? [from, to] : null;
    }
    return value && value !== ZOOMED ? [now - Number(value), now] : null;
  }

  /** Show that the chart has been zoomed in another way, or shows the whole history. */
  released(isZoomed) {
    this.select.value = isZoomed ? ZOOMED : "";
    this.custom.hidden = true;
  }
}
