// The pinned cards, above all others.

import { get, part, query } from "../api.js";
import { h, unit } from "../dom.js";
import { parameter } from "../level.js";
import { pinned } from "../prefs.js";
import { Card, PLOT } from "./card.js";
import { Block } from "./walk.js";

const path = (belief, id) => `${belief}\n${id}`;

export class Pins extends Block {
  /**
   * @param {object[]} beliefs as GET /api/beliefs describes them
   * @param {object} selection the keys selected for a comparison
   * @param {AbortSignal} signal
   * @param {string} level the level of intervals
   */
  constructor(beliefs, selection, signal, level) {
    super();
    Object.assign(this, { selection, signal, level });
    this.beliefs = new Map(beliefs.map((belief) => [belief.name, belief]));
    this.cards = new Map();
    this.flow = h("div", { class: "flow" });
    this.nothing = h("p", { class: "nothing" });
    this.element = h(
      "section",
      { class: "belief pinned-keys", "aria-label": "Pinned" },
      h("header", null, h("h2", null, "Pinned")),
      this.flow,
      this.nothing,
    );
  }

  get = (key) => this.cards.get(key);
  values = () => this.cards.values();

  /**
   * Show the pinned keys of one belief, or of all beliefs, that match a search.
   *
   * @param {string|null} only name of the belief; null for all beliefs
   * @param {string} search
   * @param {boolean} always whether to show a message if nothing is pinned
   */
  show(only, search, always) {
    const text = search.toLowerCase();
    const mine = pinned().filter(
      ({ belief, id }) =>
        this.beliefs.has(belief) && (!only || belief === only) && id.toLowerCase().includes(text),
    );
    const wanted = new Map(mine.map((pin) => [path(pin.belief, pin.id), pin]));
    this.#drop(wanted);
    const fresh = [...wanted].filter(([key]) => !this.cards.has(key));
    for (const [key, { belief, id }] of fresh) {
      const card = new Card(this.beliefs.get(belief), id, this.selection, { named: true });
      this.cards.set(key, card);
      this.flow.append(card.element);
    }
    this.element.hidden = !mine.length && !always;
    this.nothing.hidden = mine.length > 0;
    this.nothing.textContent = search
      ? `No pinned key contains “${search}”.`
      : `No key${only ? ` of ${only}` : ""} is pinned. Select the star on a card to show it here.`;
    return Promise.all(fresh.map(([, { belief, id }]) => this.#load(belief, id)));
  }

  // Focus moves to a remaining card.
  #drop(wanted) {
    const keys = [...this.cards.keys()];
    keys.forEach((key, i) => {
      if (wanted.has(key)) return;
      const { element } = this.cards.get(key);
      const focused = element.contains(document.activeElement);
      element.remove();
      this.cards.delete(key);
      const next = keys.slice(i + 1).concat(keys.slice(0, i).reverse());
      if (focused) this.cards.get(next.find((one) => wanted.has(one)))?.pin.focus();
    });
  }

  /** Reload all pinned keys. */
  refresh() {
    return Promise.all([...this.values()].map(({ belief, id }) => this.#load(belief.name, id)));
  }

  async #load(belief, id) {
    const card = this.get(path(belief, id));
    try {
      const data = await get(
        `/api/beliefs/${part(belief)}/${part(id)}${query({ level: parameter(this.level) })}`,
        this.signal,
      );
      card.element.classList.remove("gone");
      this.fit();
      card.update(data);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status !== 404 && card.data) return; // known data are shown; the banner reports the error
      card.element.classList.add("gone");
      card.update({ key: [id], n: null, mean: null, interval: null, rate: 0, updated: null });
      card.element.title = error.message;
    }
  }

  marks() {
    for (const card of this.values()) card.marks();
  }

  /** Adapt the cards to the available width. */
  fit() {
    for (const card of this.values()) {
      const width = card.element.clientWidth;
      if (width) card.resize(width, PLOT * unit());
    }
  }

  /* The interface for navigation with arrow keys. */

  get count() {
    return this.element.hidden ? 0 : this.cards.size;
  }

  get columns() {
    const cards = [...this.values()].map(({ element }) => element.offsetTop);
    return Math.max(1, cards.filter((top) => top === cards[0]).length);
  }

  placeOf(element) {
    return [...this.values()].findIndex((card) => card.element === element);
  }

  boxOf(place) {
    return [...this.values()][place].element.getBoundingClientRect();
  }

  reach(place) {
    const { element, title } = [...this.values()][place];
    element.scrollIntoView({ block: "nearest" });
    title.focus({ preventScroll: true });
  }
}
