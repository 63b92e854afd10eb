// The keys of one belief as a virtual grid, in which only the cards on screen exist.

import { get, part, query } from "../api.js";
import { h, unit } from "../dom.js";
import { flush } from "../paint.js";
import { CARD_HEIGHT, Card, PLOT, skeleton } from "./card.js";
import { Block } from "./walk.js";

const GAP = 16;
const MIN_CARD_WIDTH = 284;
const PAGE = 60;
const EMBEDDED_KEYS = 12; // keys of each of several beliefs embedded in the page
const OVERSCAN_ROWS = 1; // rows above and below
const HEAD = 112; // px above a card that is scrolled to: the header of the page
const FOOT = 24;

/** The number of columns. */
export const columnsOf = (width) =>
  Math.max(1, Math.floor((width + GAP) / (MIN_CARD_WIDTH * unit() + GAP)));

export class Grid extends Block {
  /**
   * @param {object} belief
   * @param {object} options
   * @param {object} options.selection the keys selected for a comparison
   * @param {number} [options.rows] maximum number of rows
   * @param {Function} options.changed called when the set of visible keys has changed
   * @param {Function} options.counted called when the number of keys is known
   * @param {Function} options.failed called with an error
   */
  constructor(belief, { selection, rows = Infinity, changed, counted, failed }) {
    super();
    Object.assign(this, { belief, selection, rows, changed, counted, failed });
    this.element = h("div", {
      class: "grid",
      role: "list",
      "aria-label": `Keys of ${belief.name}`,
    });
    this.total = null;
    this.request = null;
    this.cursor = ""; // of the listing that all pages belong to; empty before the first one
    this.answered = null; // the query whose total is known
    this.order = []; // ids by position; sparse
    this.known = new Map(); // id -> the latest data
    this.cards = new Map(); // id -> Card on screen
    this.skeletons = [];
    this.pages = new Map(); // number -> callbacks waiting for it
    this.columns = 1;
  }

  /** Reload with a different order or search. */
  ask(request) {
    this.request = request;
    return this.refresh();
  }

  /** Reload the cards on screen, which remain visible until the answer arrives. */
  async refresh() {
    this.abort?.abort();
    this.abort = new AbortController();
    this.cursor = ""; // a new order
    const [first] = this.span ?? [0];
    const page = Math.floor(first / PAGE);
    const limit = this.total === null && this.rows < Infinity ? EMBEDDED_KEYS : PAGE;
    const fresh = await this.#fetch(page, this.abort.signal, limit);
    if (!fresh) return;
    this.order = [];
    const whole = fresh.cards.length >= Math.min(PAGE, fresh.total - page * PAGE);
    this.pages = new Map(whole ? [[page, null]] : []);
    this.#take(page, fresh);
    this.layout();
  }

  // With a cursor, the server keeps the order of the pages while events arrive.
  async #fetch(page, signal, limit = PAGE) {
    const path = `/api/beliefs/${part(this.belief.name)}`;
    const request = query({ ...this.request, offset: page * PAGE, limit });
    try {
      return await get(`${path}${request}&cursor=${this.cursor}`, signal);
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
      return null;
    }
  }

  #take(page, fresh) {
    this.total = fresh.total;
    this.cursor = this.cursor || (fresh.next ?? "");
    this.answered = this.request;
    fresh.cards.forEach((card, i) => {
      this.order[page * PAGE + i] = card.id;
      this.known.set(card.id, card);
      this.cards.get(card.id)?.update(card);
    });
    this.counted();
  }

  #load(page) {
    if (!this.pages.has(page)) this.pages.set(page, this.#loaded(page));
    return this.pages.get(page);
  }

  async #loaded(page) {
    const fresh = await this.#fetch(page, this.abort?.signal);
    if (!fresh) this.pages.delete(page);
    else {
      this.#take(page, fresh);
      this.layout();
    }
  }

  /** Show all loaded cards while the page is printed. */
  print(printing) {
    this.printing = printing;
    this.layout();
    if (printing) flush(); // no frame is drawn before the page is printed
  }

  /** Update a card; return false if it is not in this grid. */
  patch(card) {
    const before = this.known.get(card.id);
    if (!before) return false;
    this.known.set(card.id, { ...before, ...card });
    this.cards.get(card.id)?.update(card);
    return true;
  }

  /** Show the keys whose rows are on screen. */
  layout() {
    const width = this.element.clientWidth;
    if (!width || this.total === null) return;
    this.columns = columnsOf(width);
    const cell = (width - GAP * (this.columns - 1)) / this.columns;
    this.cell = cell;
    const places = this.count;
    const rows = Math.ceil(places / this.columns);
    this.height = CARD_HEIGHT * unit();
    const pitch = this.height + GAP;
    this.element.style.height = `${Math.max(0, rows * pitch - GAP)}px`;
    const top = this.element.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / pitch) - OVERSCAN_ROWS);
    const last = Math.min(rows, Math.ceil((innerHeight - top) / pitch) + OVERSCAN_ROWS);
    const from = first * this.columns;
    this.span = [from, Math.max(from, Math.min(places, last * this.columns))];
    if (this.printing) this.span = [0, Math.min(this.order.length, places)];
    this.#show(cell, pitch);
  }

  #show(cell, pitch) {
    const [from, to] = this.span;
    const wanted = new Set();
    const elements = [];
    const plot = PLOT * unit();
    let bare = 0;
    let focused = null;
    for (let place = from; place < to; place++) {
      const id = this.order[place];
      if (id === undefined) {
        this.#load(Math.floor(place / PAGE));
        const blank = this.#skeleton(bare++);
        this.#put(blank, place, cell, pitch);
        elements.push(blank);
        continue;
      }
      wanted.add(id);
      const card = this.cards.get(id) ?? this.#create(id);
      card.resize(cell, plot);
      this.#put(card.element, place, cell, pitch);
      elements.push(card.element);
    }
    for (const extra of this.skeletons.splice(bare)) extra.remove();
    let gone = false;
    for (const [id, card] of this.cards) {
      if (wanted.has(id)) continue;
      if (card.element.contains(document.activeElement)) {
        focused = id; // keep the focused card
        continue;
      }
      card.element.remove();
      this.cards.delete(id);
      gone = true;
    }
    this.#arrange(elements);
    const shown = [this.total, this.columns, ...wanted, focused].join("\n");
    if (gone || shown !== this.shown) {
      this.shown = shown;
      this.changed();
    }
  }

  #create(id) {
    const card = new Card(this.belief, id, this.selection);
    card.element.setAttribute("role", "listitem");
    this.cards.set(id, card);
    card.update(this.known.get(id));
    return card;
  }

  #skeleton(i) {
    return (this.skeletons[i] ??= skeleton());
  }

  #put(element, place, cell, pitch) {
    const row = Math.floor(place / this.columns);
    const x = (place % this.columns) * (cell + GAP);
    const style = element.style;
    style.width = `${cell}px`;
    style.height = `${this.height}px`;
    style.transform = `translate(${x}px, ${row * pitch}px)`;
    element.setAttribute("aria-posinset", place + 1);
    element.setAttribute("aria-setsize", this.total);
  }

  // The order of elements determines reading and tab order.
  #arrange(elements) {
    let next = this.element.firstChild;
    for (const element of elements) {
      if (element === next) next = next.nextSibling;
      else this.element.insertBefore(element, next);
    }
  }

  /* The interface for navigation with arrow keys. */

  get count() {
    return this.element.clientWidth ? Math.min(this.total ?? 0, this.rows * this.columns) : 0;
  }

  placeOf(element) {
    return this.element.contains(element) ? Number(element.getAttribute("aria-posinset")) - 1 : -1;
  }

  boxOf(place) {
    const { left, top } = this.element.getBoundingClientRect();
    return {
      left: left + (place % this.columns) * (this.cell + GAP),
      top: top + Math.floor(place / this.columns) * (this.height + GAP),
      width: this.cell,
    };
  }

  async reach(place) {
    const { top } = this.boxOf(place);
    const below = top + this.height + FOOT - innerHeight;
    if (top < HEAD) scrollBy(0, top - HEAD);
    else if (below > 0) scrollBy(0, Math.min(below, top - HEAD));
    if (this.order[place] === undefined) await this.#load(Math.floor(place / PAGE));
    this.layout();
    this.cards.get(this.order[place])?.title.focus({ preventScroll: true });
  }

  tick() {
    for (const card of this.cards.values()) card.tick();
  }

  marks() {
    for (const card of this.cards.values()) card.marks();
  }

  close() {
    this.abort?.abort();
  }
}
