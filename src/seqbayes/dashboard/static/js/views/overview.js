// All beliefs: one section per belief, with one card per key.

import { isNumeric } from "../charts/kinds.js";
import { ApiError, get, query } from "../api.js";
import { drawn, legend } from "../charts/density.js";
import { sharedAxis } from "../charts/shared.js";
import { h, icon, setText } from "../dom.js";
import { levelOf, parameter } from "../level.js";
import { things, visible } from "../format.js";
import { Pins } from "./pins.js";
import { Section } from "./section.js";
import { begin, none } from "./start.js";
import { failure, loading } from "./state.js";
import { SORTS, inWords, toolbar, usual } from "./toolbar.js";
import { walk } from "./walk.js";

const ROWS_PER_BELIEF = 2; // per belief, while all beliefs are shown
const MAX_WATCHED = 120;
const RESORT_MS = 5000; // ms; events change the order, but cards must not jump

export class Overview {
  title = "Beliefs";
  watches = true;

  constructor(app, _, search) {
    this.app = app;
    const sort = SORTS.some(([one]) => one === search.get("sort")) ? search.get("sort") : "n";
    const order = ["asc", "desc"].find((one) => one === search.get("order")) ?? usual(sort);
    this.request = { sort, order, search: search.get("q") ?? "" };
    this.only = search.get("belief");
    this.level = levelOf(search);
    this.pinnedOnly = search.has("pinned");
    this.grids = [];
    this.axes = new Map(); // of beliefs by name
    this.element = h("div", { class: "overview" });
    this.stop = new AbortController();
  }

  async mount() {
    this.element.replaceChildren(loading("Loading beliefs"));
    try {
      const [{ beliefs }, health] = await Promise.all([
        get("/api/beliefs", this.stop.signal),
        get("/api/health", this.stop.signal),
      ]);
      this.beliefs = beliefs;
      this.source = health.source;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.app.live.watch([]);
      this.element.replaceChildren(failure(error, () => this.mount()));
      return;
    }
    if (!this.beliefs.length) {
      this.app.live.watch([]);
      this.element.replaceChildren(none());
      return;
    }
    if (this.only && !this.beliefs.some((belief) => belief.name === this.only)) {
      this.app.live.watch([]);
      const error = new ApiError(`There is no belief “${visible(this.only)}”.`, 404);
      this.element.replaceChildren(failure(error, () => this.mount()));
      return;
    }
    this.pins = new Pins(this.beliefs, this.app.selection, this.stop.signal, this.level);
    this.#build();
    this.#listen();
    await this.#sections();
  }

  #build() {
    this.sections = h("div", { class: "sections" });
    this.found = h("p", { class: "visually-hidden", role: "status" });
    this.nothing = h("div", { hidden: true });
    this.element.replaceChildren(
      h("h1", { class: "visually-hidden" }, "Beliefs"),
      this.#toolbar(),
      this.found,
      this.nothing,
      this.sections,
    );
  }

  #toolbar() {
    const bar = toolbar({
      beliefs: this.beliefs.map(({ name }) => name),
      only: this.only,
      request: this.request,
      pinned: this.pinnedOnly,
      level: this.level,
      select: (level) => this.#selectLevel(level),
      ask: (change) => this.#ask(change),
      turn: () => this.#ask({ order: this.request.order === "desc" ? "asc" : "desc" }),
      choose: (name) => this.#choose(name || null),
      pin: (pinned) => {
        this.pinnedOnly = pinned;
        this.#sections();
      },
    });
    Object.assign(this, { field: bar.field, turn: bar.turn, filter: bar.filter });
    return bar.element;
  }

  #legend() {
    return legend(drawn(this.source?.mode === "store"), this.level);
  }

  #selectLevel(level) {
    this.level = this.pins.level = level;
    this.#remember();
    if (this.signs) this.signs.replaceChildren(...this.#legend().children);
    for (const grid of this.grids) grid.ask(this.#question());
    this.pins.refresh();
    this.#watch();
  }

  #choose(name) {
    this.only = name;
    scrollTo(0, 0);
    this.#sections();
  }

  #listen() {
    const { signal } = this.stop;
    const relayout = () => {
      if (this.framed) return;
      this.framed = requestAnimationFrame(() => {
        this.framed = null;
        for (const section of this.shown) section.pack();
        for (const grid of this.grids) grid.layout();
      });
    };
    addEventListener("scroll", relayout, { signal, passive: true });
    addEventListener("resize", relayout, { signal });
    for (const type of ["beforeprint", "afterprint"])
      addEventListener(type, () => this.grids.forEach((grid) => grid.print(type === "beforeprint")), {
        signal,
      });
    addEventListener("resize", () => this.pins.fit(), { signal });
    addEventListener("pins", () => this.#pinsChanged(), { signal });
    addEventListener("keydown", (event) => this.#key(event), { signal });
    const live = this.app.live;
    live.addEventListener("cards", (event) => this.#patch(event.detail), { signal });
    live.addEventListener("gone", ({ detail }) => this.#gone(detail), { signal });
    live.addEventListener("resync", () => this.#refresh(), { signal });
    live.addEventListener("tick", () => this.#heartbeat(), { signal });
    live.addEventListener("cards", () => this.#align(), { signal });
    this.watcher = new ResizeObserver(relayout); // the scroll bar may appear or disappear
    this.watcher.observe(this.element);
  }

  #ask(change) {
    Object.assign(this.request, change);
    scrollTo(0, 0);
    this.#remember();
    if (change.search !== undefined) this.#showPins();
    for (const grid of this.grids) {
      grid.span = null;
      grid.ask(this.#question());
    }
  }

  #question() {
    const { sort, order, search } = this.request;
    return { sort, order, search, level: parameter(this.level) };
  }

  #remember() {
    const { sort, order, search } = this.request;
    const text = query({
      belief: this.only,
      sort: sort === "n" ? null : sort,
      order: order === usual(sort) ? null : order,
      q: search,
      pinned: this.pinnedOnly ? 1 : null,
      level: parameter(this.level),
    });
    history.replaceState(history.state, "", `/${text}`);
    this.turn.replaceChildren(icon(order === "desc" ? "down" : "up"));
    const label = inWords(sort, order);
    this.turn.setAttribute("aria-label", label);
    this.turn.title = label;
  }

  async #sections() {
    this.#remember();
    for (const grid of this.grids) grid.close();
    const beliefs = this.beliefs.filter((belief) => !this.only || belief.name === this.only);
    const alone = beliefs.length === 1;
    this.shown = this.pinnedOnly ? [] : beliefs.map((belief) => this.#section(belief, alone));
    this.grids = this.shown.map(({ grid }) => grid);
    const curves = beliefs.some(({ kind }) => isNumeric(kind));
    this.signs = curves ? this.#legend() : "";
    const sections = this.shown.map(({ element }) => element);
    this.sections.replaceChildren(this.signs, this.pins.element, ...sections);
    this.#counted();
    await Promise.all([this.#showPins(), ...this.grids.map((grid) => grid.ask(this.#question()))]);
    if (!this.grids.length) this.#watch();
  }

  #section(belief, alone) {
    return new Section(belief, {
      selection: this.app.selection,
      rows: alone ? Infinity : ROWS_PER_BELIEF,
      alone,
      changed: () => {
        this.#counted();
        this.#watch();
      },
      more: () => {
        this.filter?.select(belief.name);
        this.#choose(belief.name);
      },
    });
  }

  async #showPins() {
    await this.pins.show(this.only, this.request.search, this.pinnedOnly);
    this.#watch();
  }

  // Hovered cards keep their position.
  #pinsChanged() {
    for (const grid of this.grids) grid.marks();
    this.pins.marks();
    const card =
      document.activeElement?.closest(".grid .card") ??
      this.sections.querySelector(".grid .card:hover");
    const before = card?.getBoundingClientRect().top;
    this.#showPins();
    if (card) scrollBy(0, card.getBoundingClientRect().top - before);
  }

  #patch(cards) {
    for (const card of cards) {
      const pin = this.pins.get(`${card.belief}\n${card.id}`);
      pin?.update(card);
      const grid = this.grids.find((one) => one.belief.name === card.belief);
      if (grid) grid.stale = true;
      grid?.patch(card);
    }
  }

  #gone(keys) {
    for (const { belief } of keys) {
      const grid = this.grids.find((one) => one.belief.name === belief);
      if (grid) grid.stale = true;
    }
  }

  // The order is requested again only while no card is hovered or focused.
  #heartbeat() {
    for (const grid of this.grids) grid.tick();
    for (const card of this.pins.values()) card.tick();
    const held = this.app.live.health?.beliefs ?? {};
    const grown = this.grids.filter(
      (grid) =>
        !this.request.search &&
        grid.total !== null &&
        (held[grid.belief.name] ?? grid.total) !== grid.total,
    );
    for (const grid of grown) grid.stale = true;
    const due = grown.length > 0 || performance.now() - (this.sorted ?? performance.now()) > RESORT_MS;
    this.sorted ??= performance.now();
    const busy = this.sections.matches(":hover, :focus-within") || document.hidden;
    if (!due || busy || this.app.live.state !== "live") return;
    this.sorted = performance.now();
    for (const grid of this.grids.filter((one) => one.stale)) {
      grid.stale = false;
      grid.refresh();
    }
  }

  #refresh() {
    for (const grid of this.grids) grid.refresh();
    this.pins.refresh();
  }

  // One message for all beliefs if nothing is found or there are no data.
  #counted() {
    const { search } = this.request;
    const known = this.grids.every(({ request, answered }) => request && request === answered);
    const total = this.grids.reduce((sum, grid) => sum + grid.total, 0);
    const bare = this.grids.length > 0 && known && total === 0;
    this.nothing.hidden = !bare;
    for (const { element } of this.shown) element.classList.toggle("bare", bare);
    if (this.signs) this.signs.hidden = bare;
    if (search && known) setText(this.found, `${things(total, "key")} found`);
    const messageKey = bare && `${this.only}\n${search}`;
    if (messageKey === this.messageKey) return;
    this.messageKey = messageKey;
    const beliefs = this.shown.map(({ belief }) => belief);
    if (messageKey) this.nothing.replaceChildren(begin({ search, beliefs, source: this.source }));
  }

  // All cards of a belief, including pinned cards, have the same range of values on their axes.
  #align() {
    if (this.aligning) return;
    this.aligning = true;
    const aligned = () => {
      this.aligning = false;
      for (const { name } of this.beliefs) this.#alignOne(name);
    };
    requestAnimationFrame(() => requestAnimationFrame(aligned)); // when the cards are drawn
  }

  #alignOne(name) {
    const grid = this.grids.find(({ belief }) => belief.name === name);
    const pins = [...this.pins.values()].filter(({ belief, data }) => belief.name === name && data);
    const charts = [...pins, ...(grid?.cards.values() ?? [])].map(({ chart }) => chart);
    if (!charts[0]?.extent) return;
    const cards = [...pins.map(({ data }) => data), ...(grid?.known.values() ?? [])];
    const axis = sharedAxis(cards, charts[0], this.axes.get(name) ?? null);
    this.axes.set(name, axis);
    for (const chart of charts) chart.share(axis);
  }

  #watch() {
    this.#align();
    const keys = new Map(
      [...this.pins.values()].map((card) => [
        `${card.belief.name}/${card.id}`,
        [card.belief.name, card.id],
      ]),
    );
    for (const { belief, cards } of this.grids) {
      for (const id of cards.keys()) keys.set(`${belief.name}/${id}`, [belief.name, id]);
    }
    this.app.live.watch([...keys.values()].slice(0, MAX_WATCHED), parameter(this.level));
  }

  #key(event) {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
    if (event.key === "/") {
      event.preventDefault();
      this.field.focus();
      return;
    }
    const card = event.target.closest(".card");
    if (!card) return;
    const press = { p: ".pin", c: ".add" }[event.key];
    if (press) {
      card.querySelector(press)?.click();
      return;
    }
    if (walk(event.key, card, [this.pins, ...this.grids])) event.preventDefault();
  }

  unmount() {
    this.stop.abort();
    this.watcher?.disconnect();
    for (const grid of this.grids) grid.close();
  }
}

/** The overview of one belief, at a separate URL. */
export class OneBelief extends Overview {
  constructor(app, [name], search) {
    search.set("belief", name);
    super(app, [], search);
    this.title = name;
  }
}
