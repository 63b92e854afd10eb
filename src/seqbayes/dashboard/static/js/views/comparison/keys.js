// The compared keys of one belief: their cards, and their names with symbols.

import { compares } from "../../charts/kinds.js";
import { signOf } from "../../charts/overlay.js";
import { h } from "../../dom.js";
import { count, exists, keyName, measure, nameless, scale, thresholdOf } from "../../format.js";

const NO_SHARE = { mean: null, interval: null, density: null };

/** The name of a quantity of observations: their mean, or one of their quantiles. */
export function quantityName(quantity) {
  if (quantity === "mean") return "mean";
  return quantity === "0.5" ? "median" : `${Number((100 * quantity).toPrecision(6))} % quantile`;
}

export class ComparedKeys {
  label = null; // whose shares are compared
  quantity = null; // of the observations; null: the parameter
  #cards = new Map();
  #shares = new Map();

  /**
   * @param {object} belief as GET /api/beliefs describes it
   * @param {string[]} ids the ids of the keys
   */
  constructor(belief, ids) {
    this.belief = belief;
    this.ids = ids;
  }

  get labelled() {
    return compares(this.belief.kind) === "share";
  }

  /** How the compared numbers are written. */
  get measured() {
    if (this.quantity !== null) return "";
    return this.labelled ? "share" : measure(this.belief); // a single share
  }

  /** The format of the compared numbers, with a number of digits that suits an interval. */
  written(interval) {
    return scale(this.measured, interval);
  }

  /** The threshold on the scale of the compared numbers, or null. */
  get threshold() {
    return this.quantity === null ? thresholdOf(this.belief) : (this.belief.threshold ?? null);
  }

  has(id) {
    return this.#cards.has(id);
  }

  /** Add a card, or update it with changes. */
  put(card) {
    this.#cards.set(card.id, { ...this.#cards.get(card.id), ...card });
  }

  /** Take the cards of an answer of GET /api/compare. */
  take({ keys, cards, label, shares, quantity }) {
    this.quantity = quantity;
    if (keys.join("\n") !== this.ids.join("\n")) this.ids = keys;
    for (const card of cards) this.#cards.set(card.id, card);
    this.label = label;
    this.#shares = new Map(keys.map((id, i) => [id, shares?.[i]]));
  }

  /** The card of a key; for labels, with the share of the compared label. */
  card(id) {
    const card = this.#cards.get(id);
    return card && this.labelled ? { ...card, ...NO_SHARE, ...this.#shares.get(id) } : card;
  }

  /** The cards of all compared keys that are known. */
  get cards() {
    return this.ids.flatMap((id) => this.card(id) ?? []);
  }

  /** The labels of the compared keys, those with the largest shares first. */
  get labels() {
    const shares = this.ids.flatMap((id) => this.#cards.get(id).shares ?? []);
    return [...new Set(shares.map(({ label }) => label))];
  }

  name(id) {
    return keyName(this.#cards.get(id).key, this.belief.name);
  }

  /** The name of a card's key as an element: a right-to-left name must not reorder the text next to it. */
  text(card) {
    const quiet = nameless(card.key) ? "nameless" : null;
    return h("bdi", { class: quiet }, keyName(card.key, this.belief.name));
  }

  /** The name of a compared key with its symbol, in case the name is truncated. */
  named(id) {
    const sign = h("span", { class: "sign" }, signOf(this.ids.indexOf(id)));
    return h(
      "span",
      { class: "key-name", title: this.name(id) },
      sign,
      " ",
      this.text(this.#cards.get(id)),
    );
  }

  /** The data without the prior: the number of successes or of a label, or the observed mean. */
  observed(id, written) {
    if (this.quantity !== null) return "–";
    const { n, mle, shares } = this.#cards.get(id);
    const share = shares?.find(({ label }) => label === this.label);
    if (this.labelled) return share ? `${count(share.n)} of ${count(n)}` : "–";
    if (!exists(mle)) return "–";
    return this.belief.likelihood === "Bernoulli"
      ? `${count(Math.round(n * mle))} of ${count(n)}`
      : written.text(mle);
  }
}
