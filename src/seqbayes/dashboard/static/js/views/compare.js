// Several keys of one belief, side by side: which is best, and by how much.

import { detailPath, get, part, query } from "../api.js";
import { bests, forest } from "../charts/forest.js";
import { Overlay, letter, strokeClass } from "../charts/overlay.js";
import { h, icon, setText, svg, table } from "../dom.js";
import { count, keyName, measure, nameless, scale } from "../format.js";
import { paint } from "../paint.js";
import { MOST } from "../selection.js";
import { empty, failure, loading } from "./state.js";

const AGAIN = 1500; // ms between two computations, while events come in
const OFFERED = 24;

export class Compare {
  title = "Compare";
  watches = true;

  constructor(app, _, search) {
    this.app = app;
    this.name = search.get("belief");
    this.ids = [...new Set(search.getAll("keys"))].slice(0, MOST);
    this.cards = new Map();
    this.element = h("div", { class: "compare" });
    this.stop = new AbortController();
  }

  async mount() {
    this.element.replaceChildren(loading("Loading beliefs"));
    try {
      const { beliefs } = await get("/api/beliefs", this.stop.signal);
      this.beliefs = beliefs.filter(({ kind }) => kind === "number" || kind === "normal");
      this.#listen();
      if (!this.beliefs.length) {
        this.app.live.watch([]);
        this.element.replaceChildren(
          empty(
            "Nothing to compare",
            h(
              "p",
              null,
              "Beliefs about one number can be compared key by key; this server keeps none.",
            ),
          ),
        );
        return;
      }
      this.name = this.beliefs.some((belief) => belief.name === this.name)
        ? this.name
        : this.beliefs[0].name;
      this.#build();
      await this.#load();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.app.live.watch([]);
      this.element.replaceChildren(failure(error, () => this.mount()));
    }
  }

  get belief() {
    return this.beliefs.find((belief) => belief.name === this.name);
  }

  #listen() {
    const { signal } = this.stop;
    this.app.live.addEventListener("cards", ({ detail }) => this.#patch(detail), { signal });
    this.app.live.addEventListener("resync", () => this.#load(), { signal });
  }

  #build() {
    const choice = h(
      "select",
      {
        "aria-label": "Belief",
        onchange: (event) => {
          this.name = event.target.value;
          this.ids = [];
          this.field.value = "";
          this.#load();
        },
      },
      ...this.beliefs.map(({ name }) => h("option", { value: name }, name)),
    );
    choice.value = this.name;
    this.field = h("input", {
      type: "search",
      placeholder: "Find a key",
      "aria-label": "Find a key",
      autocomplete: "off",
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.#offer(), 180);
      },
    });
    this.offers = h("div", { class: "choose" });
    this.chips = h("div", { class: "key-list" });
    this.overlay = new Overlay();
    this.numbers = h("div");
    this.best = h("div");
    this.differences = h("div");
    this.results = h(
      "div",
      { class: "columns" },
      h(
        "div",
        null,
        h(
          "section",
          { class: "panel" },
          h("header", null, h("h2", null, "Posterior densities")),
          this.overlay.element,
        ),
        h(
          "section",
          { class: "panel" },
          h("header", null, h("h2", null, "In numbers")),
          this.numbers,
        ),
      ),
      h(
        "div",
        null,
        h(
          "section",
          { class: "panel" },
          h("header", null, h("h2", null, "Which is highest?"), h("p", null, "P(best)")),
          this.best,
        ),
        h(
          "section",
          { class: "panel" },
          h(
            "header",
            null,
            h("h2", null, "By how much?"),
            h("p", null, "difference, 95 % interval"),
          ),
          this.differences,
        ),
      ),
    );
    this.hint = h("p", { class: "nothing" });
    this.element.replaceChildren(
      h(
        "div",
        { class: "page-head" },
        h(
          "div",
          null,
          h("h1", null, "Compare"),
          h("p", { class: "sub" }, `Up to ${MOST} keys of one belief.`),
        ),
        h("div", { class: "actions" }, h("label", { class: "select" }, choice)),
      ),
      this.chips,
      this.hint,
      this.results,
      h(
        "section",
        { class: "panel more-keys" },
        h(
          "header",
          null,
          h("h2", null, "Keys"),
          h("label", { class: "field" }, icon("search"), this.field),
        ),
        this.offers,
      ),
    );
  }

  async #load() {
    history.replaceState(
      history.state,
      "",
      `/compare${query({ belief: this.name, keys: this.ids })}`,
    );
    this.app.live.watch(this.ids.map((id) => [this.name, id]));
    const kept = [];
    for (const id of this.ids) {
      try {
        this.cards.set(
          id,
          await get(`/api/beliefs/${part(this.name)}/${part(id)}`, this.stop.signal),
        );
        kept.push(id);
      } catch (error) {
        if (error.name === "AbortError") return;
        if (error.status !== 404) throw error; // a key that is gone is left out
        this.app.shell.say(error.message);
      }
    }
    this.ids = kept;
    this.#draw();
    await Promise.all([this.#compute(), this.#offer()]);
  }

  async #offer() {
    const search = this.field.value.trim();
    try {
      const { cards } = await get(
        `/api/beliefs/${part(this.name)}${query({ sort: "n", order: "desc", search, limit: OFFERED })}`,
        this.stop.signal,
      );
      const open = cards.filter((card) => !this.ids.includes(card.id));
      this.offers.replaceChildren(
        ...open.map((card) =>
          h(
            "button",
            {
              type: "button",
              class: "button",
              disabled: this.ids.length >= MOST,
              onclick: () => this.#add(card.id),
            },
            this.#named(card),
            h("span", { class: "muted" }, scale(measure(this.belief), card.interval).text(card.mean)),
          ),
        ),
      );
      if (!open.length)
        this.offers.replaceChildren(
          h(
            "p",
            { class: "nothing" },
            search ? `No other key contains “${search}”.` : "There are no other keys.",
          ),
        );
    } catch (error) {
      if (error.name !== "AbortError")
        this.offers.replaceChildren(h("p", { class: "nothing" }, error.message));
    }
  }

  #add(id) {
    if (this.ids.length >= MOST) return;
    this.ids = [...this.ids, id];
    this.#load();
  }

  #drop(id) {
    this.ids = this.ids.filter((one) => one !== id);
    this.#load();
  }

  #patch(cards) {
    const mine = cards.filter((card) => card.belief === this.name && this.ids.includes(card.id));
    if (!mine.length) return;
    for (const card of mine) this.cards.set(card.id, { ...this.cards.get(card.id), ...card });
    paint(this, () => this.#draw());
    this.pending ??= setTimeout(() => {
      this.pending = null;
      this.#compute();
    }, AGAIN);
  }

  get #chosen() {
    return this.ids.map((id) => this.cards.get(id)).filter(Boolean);
  }

  #draw() {
    const cards = this.#chosen;
    const enough = cards.length > 1;
    this.results.hidden = cards.length === 0;
    this.hint.hidden = enough;
    setText(
      this.hint,
      cards.length ? "One more key is needed for a comparison." : "Choose two keys or more below.",
    );
    const names = cards.map((card) => keyName(card.key, this.name));
    const shown = names.join("\n");
    if (shown !== this.shown) {
      this.shown = shown;
      this.chips.replaceChildren(...cards.map((card, i) => this.#chip(card, names[i], i)));
    }
    this.overlay.update(cards, measure(this.belief));
    const written = scale(measure(this.belief), cards[0]?.interval);
    const rows = cards.map((card, i) => [
      h("a", { href: detailPath(this.name, card.id) }, `${letter(i)} · `, this.#named(card)),
      count(card.n),
      written.text(card.mean),
      written.range(card.interval),
    ]);
    this.numbers.replaceChildren(
      table(
        "The keys compared",
        [["Key"], ["n", "num"], [written.log ? "Median" : "Mean", "num"], ["95 % interval", "num"]],
        rows,
      ),
    );
  }

  // A name written from right to left leaves what stands beside it in place.
  #named(card) {
    const quiet = nameless(card.key) ? "nameless" : null;
    return h("bdi", { class: quiet }, keyName(card.key, this.name));
  }

  #chip(card, name, i) {
    const stroke = svg(
      "svg",
      { class: "stroke", viewBox: "0 0 22 6", "aria-hidden": "true" },
      svg("path", { d: "M0 3H22", class: `c-line ${strokeClass(i)}` }),
    );
    const drop = h(
      "button",
      { type: "button", "aria-label": `Leave out ${name}`, onclick: () => this.#drop(card.id) },
      icon("close"),
    );
    return h("span", { class: "chip" }, stroke, h("b", null, letter(i)), this.#named(card), drop);
  }

  async #compute() {
    if (this.ids.length < 2) {
      this.best.replaceChildren(h("p", { class: "nothing" }, "–"));
      this.differences.replaceChildren(h("p", { class: "nothing" }, "–"));
      return;
    }
    let answer;
    try {
      answer = await get(
        `/api/compare/${part(this.name)}${query({ keys: this.ids })}`,
        this.stop.signal,
      );
    } catch (error) {
      if (error.name !== "AbortError")
        this.best.replaceChildren(h("p", { class: "nothing" }, error.message));
      return;
    }
    const name = (id) => {
      const i = this.ids.indexOf(id);
      return i < 0 ? null : keyName(this.cards.get(id).key, this.name);
    };
    const ranked = answer.keys
      .map((id, i) => ({ id, name: name(id), p: answer.p_best[i] }))
      .filter((row) => row.name !== null);
    this.best.replaceChildren(
      bests(
        ranked.sort((a, b) => b.p - a.p),
        (id) => this.ids.indexOf(id),
      ),
    );
    const pairs = (answer.differences ?? [answer.difference]).filter(({ pair }) =>
      pair.every((id) => this.ids.includes(id)),
    );
    this.differences.replaceChildren(
      forest(pairs, this.ids, scale(measure(this.belief), pairs[0]?.interval)),
    );
  }

  unmount() {
    this.stop.abort();
    clearTimeout(this.pending);
    this.overlay?.close();
  }
}
