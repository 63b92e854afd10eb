// What is compared, and how: whether high or low is best, the label, the reference and the level.

import { h, segments } from "../../dom.js";
import { visible } from "../../format.js";
import { LEVELS, keepLevel, levelOf, parameter } from "../../level.js";
import { quantityName } from "./keys.js";

const BEST = [
  ["highest", "Highest is best"],
  ["lowest", "Lowest is best"],
];
const BEST_KEY = "best"; // instead of a control
const PARAMETER = ""; // instead of a quantity of the observations

export class Options {
  /**
   * @param {URLSearchParams} search the parameters of the URL
   * @param {Function} changed called after every choice
   */
  constructor(search, changed) {
    this.wanted = search.get("best"); // null: as configured
    this.label = search.get("label");
    this.control = search.get("control"); // null: as configured
    this.quantity = search.get("quantity"); // null: the parameter
    this.level = levelOf(search);
    this.changed = changed;
  }

  /** Show the choices of a belief. */
  show(keys) {
    this.keys = keys;
    keys.label = this.label;
    this.against = h("select", {
      "aria-label": "Against",
      onchange: () => this.#choose({ control: this.against.value }),
    });
    this.choice = h("select", {
      "aria-label": "Share of",
      onchange: () => this.#choose({ label: this.choice.value }),
    });
    this.choices = captioned("Share of", this.choice, { hidden: true });
    this.what = h("select", {
      "aria-label": "Quantity",
      onchange: () => this.#choose({ quantity: this.what.value || null }),
    });
    this.quantities = captioned("Quantity", this.what, { hidden: true });
    const best = segments("Best value", BEST, BEST[Number(this.lowest)][0], (value) =>
      this.#choose({ wanted: value }),
    );
    const level = segments("Level of intervals", LEVELS, this.level, (value) => {
      keepLevel(value);
      this.#choose({ level: value });
    });
    return [best, this.quantities, this.choices, captioned("Against", this.against), level];
  }

  #choose(choice) {
    Object.assign(this, choice);
    this.keys.label = this.label;
    this.changed();
  }

  get #usuallyLowest() {
    return this.keys.belief.better === "lower";
  }

  get lowest() {
    return this.wanted ? this.wanted === "lowest" : this.#usuallyLowest;
  }

  /** The parameters of the page and of the API; those that are as configured are omitted. */
  get parameters() {
    const { ids, labelled } = this.keys;
    const known = this.control === BEST_KEY || ids.includes(this.control);
    return {
      keys: ids,
      best: this.lowest === this.#usuallyLowest ? null : this.lowest ? "lowest" : "highest",
      label: labelled && !this.#ofAllLabels ? this.label : null,
      level: parameter(this.level),
      control: known ? this.control : null,
      quantity: this.quantity,
    };
  }

  // The quantile is computed over all labels, so no single label is selected.
  get #ofAllLabels() {
    return this.quantity !== null && this.quantity !== "mean";
  }

  /** Offer the labels and references of an answer of GET /api/compare. */
  offer(answer) {
    this.#offerQuantities(answer);
    this.#offerLabels();
    this.#offerReferences(answer);
  }

  #offerQuantities({ quantities }) {
    const own = this.quantity !== null && !quantities.includes(this.quantity) ? [this.quantity] : [];
    const offered = [PARAMETER, ...quantities, ...own];
    this.quantities.hidden = offered.length < 2;
    this.what.replaceChildren(
      ...offered.map((value) => h("option", { value }, value ? quantityName(value) : "parameter")),
    );
    this.what.value = this.quantity ?? PARAMETER;
  }

  #offerLabels() {
    const { ids, labelled, labels } = this.keys;
    this.choices.hidden = !labelled || !ids.length || this.#ofAllLabels;
    if (this.choices.hidden) return;
    this.label = labels.includes(this.keys.label) ? this.keys.label : (labels[0] ?? null);
    this.keys.label = this.label;
    this.choice.replaceChildren(
      ...labels.map((label) => h("option", { value: label }, visible(label))),
    );
    this.choice.value = this.label;
  }

  // The reference of the differences: the best key, or any compared key.
  #offerReferences({ reference }) {
    const { ids } = this.keys;
    const chosen = this.control ?? (this.#configured() ? reference : BEST_KEY);
    this.against.replaceChildren(
      h("option", { value: BEST_KEY }, "the best key"),
      ...ids.map((id) => h("option", { value: id }, this.keys.name(id))),
    );
    this.against.value = ids.includes(chosen) ? chosen : BEST_KEY;
  }

  #configured() {
    const { control } = this.keys.belief;
    return control !== null && this.keys.ids.includes(JSON.stringify([control].flat()));
  }
}

const captioned = (caption, select, properties) =>
  h("label", { class: "select", ...properties }, h("span", { class: "muted" }, caption), select);
