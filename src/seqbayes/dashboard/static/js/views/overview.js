// All beliefs: a section each, with a card a key.

import { ApiError, get, query, part } from "../api.js";
import { drawn, legend } from "../charts/density.js";
import { h, icon, setText } from "../dom.js";
import { count, visible } from "../format.js";
import { pinned } from "../prefs.js";
import { Card } from "./card.js";
import { Grid } from "./grid.js";
import { empty, failure, loading } from "./state.js";
import { SORTS, toolbar } from "./toolbar.js";

const FEW_ROWS = 2; // of every belief, while all are shown
const MOST_WATCHED = 120;
const RESORT = 5000; // ms; events change the order, cards must not jump about

export class Overview {
  title = "Beliefs";
  watches = true;

  constructor(app, _, search) {
    this.app = app;
    this.asked = {
      sort: SORTS.some(([sort]) => sort === search.get("sort")) ? search.get("sort") : "n",
      order: search.get("order") === "asc" ? "asc" : "desc",
      search: search.get("q") ?? "",
    };
    this.only = search.get("belief");
    this.pinnedOnly = search.has("pinned");
    this.grids = [];
    this.pins = new Map();
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
      this.store = health.source?.mode === "store";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.app.live.watch([]);
      this.element.replaceChildren(failure(error, () => this.mount()));
      return;
    }
    const known = !this.only || this.beliefs.some((belief) => belief.name === this.only);
    if (this.beliefs.length && !known) {
      this.app.live.watch([]);
      const error = new ApiError(`There is no belief “${visible(this.only)}”.`, 404);
      this.element.replaceChildren(failure(error, () => this.mount()));
      return;
    }
    if (!this.beliefs.length) {
      this.app.live.watch([]);
      this.element.replaceChildren(
        empty(
          "No beliefs yet",
          h(
            "p",
            null,
            "This server keeps none. ",
            h("code", null, "seqbayes init"),
            " writes a configuration to start from.",
          ),
          h(
            "div",
            { class: "actions" },
            h("a", { class: "button primary", href: "/replay/mms" }, "Eat some M&M's meanwhile"),
          ),
        ),
      );
      return;
    }
    this.#build();
    this.#listen();
    this.#sections();
  }

  #build() {
    this.sections = h("div", { class: "sections" });
    this.found = h("p", { class: "unseen", role: "status" });
    this.element.replaceChildren(
      h("h1", { class: "unseen" }, "Beliefs"),
      this.#toolbar(),
      this.found,
      this.sections,
    );
  }

  #toolbar() {
    const bar = toolbar({
      beliefs: this.beliefs.map(({ name }) => name),
      only: this.only,
      asked: this.asked,
      pinned: this.pinnedOnly,
      ask: (change) => this.#ask(change),
      turn: () => this.#ask({ order: this.asked.order === "desc" ? "asc" : "desc" }),
      choose: (name) => {
        this.only = name || null;
        scrollTo(0, 0);
        this.#sections();
      },
      pin: (pinned) => {
        this.pinnedOnly = pinned;
        this.#sections();
      },
    });
    Object.assign(this, { field: bar.field, turn: bar.turn, filter: bar.filter });
    return bar.element;
  }

  #listen() {
    const { signal } = this.stop;
    const relayout = () => {
      if (this.framed) return;
      this.framed = requestAnimationFrame(() => {
        this.framed = null;
        for (const grid of this.grids) grid.layout();
      });
    };
    addEventListener("scroll", relayout, { signal, passive: true });
    addEventListener("resize", relayout, { signal });
    addEventListener("pins", () => this.#pinsChanged(), { signal });
    addEventListener("keydown", (event) => this.#key(event), { signal });
    const live = this.app.live;
    live.addEventListener("cards", (event) => this.#patch(event.detail), { signal });
    live.addEventListener("gone", ({ detail }) => this.#gone(detail), { signal });
    live.addEventListener("resync", () => this.#refresh(), { signal });
    live.addEventListener("tick", () => this.#heartbeat(), { signal });
    this.watcher = new ResizeObserver(relayout);
    this.watcher.observe(this.element);
  }

  #ask(change) {
    Object.assign(this.asked, change);
    scrollTo(0, 0);
    this.#remember();
    if (change.search !== undefined) this.#showPins();
    for (const grid of this.grids) {
      grid.span = null;
      grid.ask(this.#question());
    }
  }

  #question() {
    return { sort: this.asked.sort, order: this.asked.order, search: this.asked.search };
  }

  #remember() {
    const { sort, order, search } = this.asked;
    const text = query({
      belief: this.only,
      sort: sort === "n" ? null : sort,
      order: order === "asc" ? order : null,
      q: search,
      pinned: this.pinnedOnly ? 1 : null,
    });
    history.replaceState(history.state, "", `/${text}`);
    const down = order === "desc";
    this.turn.replaceChildren(icon(down ? "down" : "up"));
    const label = down ? "Largest first" : "Smallest first";
    this.turn.setAttribute("aria-label", label);
    this.turn.title = label;
  }

  #sections() {
    this.#remember();
    for (const grid of this.grids) grid.close();
    const shown = this.beliefs.filter((belief) => !this.only || belief.name === this.only);
    const alone = shown.length === 1;
    const rows = alone ? Infinity : FEW_ROWS;
    this.pinSection = h("section", { class: "belief pinned-keys", "aria-label": "Pinned" });
    this.pins = new Map();
    this.grids = [];
    const sections = this.pinnedOnly
      ? []
      : shown.map((belief) => this.#section(belief, rows, alone));
    const curves = shown.some(({ kind }) => kind === "number" || kind === "normal");
    const signs = curves ? [legend(drawn(this.store))] : [];
    this.sections.replaceChildren(...signs, this.pinSection, ...sections);
    this.#showPins();
    for (const grid of this.grids) grid.ask(this.#question());
    if (!this.grids.length) this.#watch();
  }

  #section(belief, rows, alone) {
    const more = h("a", {
      class: "button",
      href: `/${query({ belief: belief.name })}`,
      hidden: true,
    });
    more.addEventListener("click", (event) => {
      event.preventDefault();
      this.only = belief.name;
      this.filter?.select(belief.name);
      scrollTo(0, 0);
      this.#sections();
    });
    const number = h("span", { class: "muted" });
    const nothing = h("p", { class: "nothing", hidden: true });
    const wrong = h("div");
    const grid = new Grid(belief, {
      selection: this.app.selection,
      rows,
      changed: () => {
        this.#pack(section, grid, alone);
        const held = grid.total - rows * grid.columns;
        more.hidden = !(held > 0);
        setText(more, `Show all ${count(grid.total)}`);
        setText(number, `${count(grid.total)} ${grid.total === 1 ? "key" : "keys"}`);
        nothing.hidden = grid.total !== 0;
        setText(
          nothing,
          this.asked.search
            ? `No key contains “${this.asked.search}”.`
            : "Nothing was seen yet: the first event brings a card.",
        );
        wrong.replaceChildren();
        this.#counted();
        this.#watch();
      },
      failed: (error) => wrong.replaceChildren(failure(error, () => grid.refresh())),
    });
    this.grids.push(grid);
    const model = [
      belief.prior,
      belief.likelihood,
      belief.half_life && `half-life ${belief.half_life}`,
    ];
    const section = h(
      "section",
      { class: "belief", "aria-label": belief.name },
      h(
        "header",
        null,
        h("h2", null, belief.name),
        h("p", { class: "muted model" }, model.filter(Boolean).join(" · ")),
        number,
      ),
      grid.element,
      nothing,
      wrong,
      h("p", { class: "more" }, more),
    );
    return section;
  }

  // Beliefs with a single key stand side by side.
  #pack(section, grid, alone) {
    const single = !alone && grid.total <= 1;
    if (section.classList.contains("single") === single) return;
    section.classList.toggle("single", single);
    requestAnimationFrame(() => grid.layout());
  }

  async #showPins() {
    const sought = this.asked.search.toLowerCase();
    const mine = pinned().filter(
      ({ belief, id }) =>
        id.toLowerCase().includes(sought) && this.beliefs.some((b) => b.name === belief),
    );
    this.pinSection.hidden = !mine.length && !this.pinnedOnly;
    const cards = h("div", { class: "flow" });
    this.pinSection.replaceChildren(h("header", null, h("h2", null, "Pinned")), cards);
    if (!mine.length) {
      cards.replaceWith(
        h(
          "p",
          { class: "nothing" },
          sought
            ? `No pinned key contains “${this.asked.search}”.`
            : "No key is pinned. The star of a card pins it here.",
        ),
      );
    }
    this.pins = new Map();
    for (const { belief, id } of mine) {
      const card = new Card(
        this.beliefs.find((b) => b.name === belief),
        id,
        this.app.selection,
      );
      this.pins.set(`${belief}\n${id}`, card);
      cards.append(card.element);
    }
    await Promise.all(mine.map(({ belief, id }) => this.#loadPin(belief, id)));
    this.#watch();
  }

  async #loadPin(belief, id) {
    const card = this.pins.get(`${belief}\n${id}`);
    try {
      const data = await get(`/api/beliefs/${part(belief)}/${part(id)}`, this.stop.signal);
      card.resize(card.element.clientWidth);
      card.update(data);
    } catch (error) {
      if (error.name === "AbortError") return;
      card.element.classList.add("gone");
      card.update({ key: [id], n: null, mean: null, interval: null, rate: 0, updated: null });
      card.element.title = error.message;
    }
  }

  #pinsChanged() {
    for (const grid of this.grids) grid.marks();
    this.#showPins();
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

  // The order is asked again only while nobody points at or tabs through the cards.
  #heartbeat() {
    for (const grid of this.grids) grid.tick();
    for (const card of this.pins.values()) card.tick();
    const held = this.app.live.health?.beliefs ?? {};
    const grown = this.grids.filter(
      (grid) =>
        !this.asked.search &&
        grid.total !== null &&
        (held[grid.belief.name] ?? grid.total) !== grid.total,
    );
    for (const grid of grown) grid.stale = true;
    const due = grown.length > 0 || performance.now() - (this.sorted ?? performance.now()) > RESORT;
    this.sorted ??= performance.now();
    const busy = this.sections.matches(":hover, :focus-within") || document.hidden;
    if (!due || busy) return;
    this.sorted = performance.now();
    for (const grid of this.grids.filter((one) => one.stale)) {
      grid.stale = false;
      grid.refresh();
    }
  }

  async #refresh() {
    for (const grid of this.grids) grid.refresh();
    await Promise.all(
      pinned().map(
        ({ belief, id }) => this.pins.has(`${belief}\n${id}`) && this.#loadPin(belief, id),
      ),
    );
  }

  #counted() {
    const known = this.grids.filter((grid) => grid.total !== null);
    const total = known.reduce((sum, grid) => sum + grid.total, 0);
    if (known.length === this.grids.length && this.asked.search)
      setText(this.found, `${count(total)} keys found`);
  }

  #watch() {
    const keys = new Map(
      [...this.pins.values()].map((card) => [
        `${card.belief.name}/${card.id}`,
        [card.belief.name, card.id],
      ]),
    );
    for (const { belief, cards } of this.grids) {
      for (const id of cards.keys()) keys.set(`${belief.name}/${id}`, [belief.name, id]);
    }
    this.app.live.watch([...keys.values()].slice(0, MOST_WATCHED));
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
    this.#move(card, event);
  }

  #move(card, event) {
    const columns = this.grids.find((grid) => grid.element.contains(card))?.columns ?? 1;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (!by) return;
    const cards = [...this.sections.querySelectorAll(".card:not(.skeleton)")];
    const target = cards[cards.indexOf(card) + by];
    if (!target) return;
    event.preventDefault();
    target.querySelector("a").focus();
    target.scrollIntoView({ block: "nearest" });
  }

  unmount() {
    this.stop.abort();
    this.watcher?.disconnect();
    for (const grid of this.grids) grid.close();
  }
}

/** The overview of one belief, at an address of its own. */
export class OneBelief extends Overview {
  constructor(app, [name], search) {
    search.set("belief", name);
    super(app, [], search);
    this.title = name;
  }
}
