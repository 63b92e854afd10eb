// Compares several keys of one belief: which is the best, and by how much.

import { detailPath, get, part, query } from "../api.js";
import { bests, forest } from "../charts/forest.js";
import { compares } from "../charts/kinds.js";
import { Overlay, signOf, strokeClass } from "../charts/overlay.js";
import { h, icon, segments, setText, svg, table } from "../dom.js";
import { count, keyName, measure, nameless, scale, visible } from "../format.js";
import { paint } from "../paint.js";
import { MOST } from "../selection.js";
import { Offers } from "./offers.js";
import { empty, failure, loading } from "./state.js";

const AGAIN = 1500; // ms between two computations while events arrive
const BEST = [
  ["highest", "Highest is best"],
  ["lowest", "Lowest is best"],
];
const LOWER =
  /(^|[^a-z])(seconds?|minutes?|hours?|ms|time|latency|duration|delay|wait(ing)?|cost|price|errors?|failures?|faults?|loss|churn)($|[^a-z])/i;
const NO_SHARE = { mean: null, interval: null, density: null };
const panel = (head, ...children) =>
  h("section", { class: "panel" }, h("header", null, ...head), ...children);

export class Compare {
  title = "Compare";
  watches = true;

  constructor(app, _, search) {
    this.app = app;
    this.name = search.get("belief");
    this.ids = [...new Set(search.getAll("keys"))].slice(0, MOST);
    this.wanted = search.get("best");
    this.label = search.get("label");
    this.cards = new Map();
    this.shares = new Map();
    this.element = h("div", { class: "compare" });
    this.stop = new AbortController();
  }

  async mount() {
    this.element.replaceChildren(loading("Loading beliefs"));
    try {
      const { beliefs } = await get("/api/beliefs", this.stop.signal);
      this.beliefs = beliefs.filter(({ kind }) => compares(kind));
      if (!this.beliefs.length) {
        this.app.live.watch([]);
        const why = "Only beliefs about one number or about labels can be compared; this server has no such belief.";
        this.element.replaceChildren(empty("Nothing to compare", h("p", null, why)));
        return;
      }
      this.known = new Map(this.beliefs.map(({ name, keys }) => [name, keys]));
      if (!this.known.has(this.name))
        this.name = (this.beliefs.find(({ keys }) => keys > 1) ?? this.beliefs[0]).name;
      this.lowest = this.#lowestIsBest();
      this.#listen();
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

  // From the URL, the last choice, or the name: for times, the lowest is best.
  #lowestIsBest() {
    if (this.wanted) return this.wanted === "lowest";
    return this.#isTimeOrLoss();
  }

  #isTimeOrLoss() {
    const { name, field } = this.belief;
    return [name, ...(field ?? [])].some((each) => LOWER.test(each));
  }

  get labelled() {
    return compares(this.belief.kind) === "share";
  }

  get measured() {
    return this.labelled ? "share" : measure(this.belief); // a single share
  }

  #listen() {
    this.heard?.abort();
    this.heard = new AbortController();
    const { signal } = this.heard;
    const { live } = this.app;
    live.addEventListener("cards", ({ detail }) => this.#patch(detail), { signal });
    live.addEventListener("resync", () => this.#load(), { signal });
    live.addEventListener("health", ({ detail }) => this.#grown(detail.beliefs ?? {}), { signal });
  }

  #build() {
    const choice = h(
      "select",
      { "aria-label": "Belief", onchange: () => this.#turn(choice.value) },
      ...this.beliefs.map(({ name }) => h("option", { value: name }, name)),
    );
    choice.value = this.name;
    const best = segments("What is best", BEST, BEST[Number(this.lowest)][0], (value) => {
      this.lowest = value === "lowest";
      this.#remember();
      this.#compute();
    });
    const head = h(
      "div",
      { class: "page-head" },
      h(
        "div",
        null,
        h("h1", null, "Compare"),
        h("p", { class: "sub" }, `Up to ${MOST} keys of one belief.`),
      ),
      h("div", { class: "actions" }, best, this.#labels(), h("label", { class: "select" }, choice)),
    );
    this.chips = h("div", { class: "key-list" });
    this.hint = h("p", { class: "nothing" });
    this.offers = new Offers(
      (id) => this.#add(id),
      (card) => this.#text(card),
      this.stop.signal,
    );
    this.few = h("div");
    const parts = [this.chips, this.hint, this.#panels(), this.offers.element];
    this.body = h("div", null, ...parts);
    this.element.replaceChildren(head, this.few, this.body);
  }

  #labels() {
    this.choice = h("select", {
      "aria-label": "Share of",
      onchange: () => {
        this.label = this.choice.value;
        this.#remember();
        this.#compute();
      },
    });
    const said = h("span", { class: "muted" }, "Share of");
    this.choices = h("label", { class: "select", hidden: true }, said, this.choice);
    return this.choices;
  }

  // The labels with the largest shares in the compared keys.
  #offerLabels() {
    this.choices.hidden = !this.labelled || !this.ids.length;
    if (this.choices.hidden) return;
    const shares = this.ids.flatMap((id) => this.cards.get(id).shares ?? []);
    const labels = [...new Set(shares.map(({ label }) => label))];
    if (!labels.includes(this.label)) this.label = labels[0] ?? null;
    this.choice.replaceChildren(
      ...labels.map((label) => h("option", { value: label }, visible(label))),
    );
    this.choice.value = this.label;
    this.#remember();
  }

  #panels() {
    this.overlay = new Overlay();
    this.numbers = h("div");
    this.best = h("div");
    this.differences = h("div");
    this.question = h("h2");
    this.much = h("p");
    const much = [h("h2", null, "By how much?"), this.much];
    this.results = h(
      "div",
      { class: "columns" },
      h(
        "div",
        null,
        panel([h("h2", null, "Posterior densities")], this.overlay.element),
        panel([h("h2", null, "In numbers")], this.numbers),
      ),
      h(
        "div",
        null,
        panel([this.question, h("p", null, "P(best)")], this.best),
        panel(much, this.differences),
      ),
    );
    return this.results;
  }

  #turn(name) {
    this.name = name;
    this.ids = [];
    this.#load();
  }

  #remember() {
    const best = this.lowest ? "lowest" : this.#isTimeOrLoss() ? "highest" : null;
    const label = this.labelled ? this.label : null;
    const asked = query({ belief: this.name, keys: this.ids, best, label });
    history.replaceState(history.state, "", `/compare${asked}`);
  }

  async #load() {
    this.#remember();
    this.app.live.watch(this.ids.map((id) => [this.name, id]));
    const wanted = this.ids;
    const answers = await Promise.allSettled(
      wanted.map((id) => get(`/api/beliefs/${part(this.name)}/${part(id)}`, this.stop.signal)),
    );
    if (this.stop.signal.aborted || wanted !== this.ids) return;
    const kept = [];
    answers.forEach(({ value, reason }, i) => {
      if (value) this.cards.set(wanted[i], value);
      else if (reason.status === 404) this.app.shell.say(reason.message); // the key was deleted
      else if (!this.cards.has(wanted[i])) throw reason;
      if (value || reason.status !== 404) kept.push(wanted[i]);
    });
    this.ids = kept;
    this.shares = new Map();
    this.#enough();
    this.#offerLabels();
    this.#draw();
    const offered = this.offers.show(this.belief, this.ids, this.ids.length >= MOST);
    await Promise.all([this.#compute(), offered]);
  }

  // A single key leaves nothing to choose.
  #enough() {
    const keys = this.known.get(this.name);
    this.body.hidden = keys < 2;
    this.few.hidden = keys > 1;
    if (keys > 1) return;
    const { by } = this.belief;
    this.few.replaceChildren(
      empty(
        "Nothing to compare yet",
        h(
          "p",
          null,
          keys
            ? `${this.name} has a single key so far; a comparison needs two.`
            : `${this.name} has no key so far; a comparison needs two.`,
        ),
        h(
          "p",
          null,
          by.length
            ? `Each ${by.join(" and ")} is a separate key.`
            : "Its events have no key: declare a field that distinguishes them.",
        ),
      ),
    );
  }

  #grown(beliefs) {
    const before = this.known.get(this.name);
    for (const [name, keys] of Object.entries(beliefs)) this.known.set(name, keys);
    const now = this.known.get(this.name);
    if (before < 2 && now > 1) this.#load();
    else if (before !== now) this.#enough();
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

  /** A card for the comparison: for labels, the share of one label. */
  #shown(id) {
    const card = this.cards.get(id);
    return card && this.labelled ? { ...card, ...NO_SHARE, ...this.shares.get(id) } : card;
  }

  #draw() {
    const cards = this.ids.flatMap((id) => this.#shown(id) ?? []);
    this.results.hidden = cards.length < (this.labelled ? 2 : 1);
    this.hint.hidden = cards.length > 1;
    setText(
      this.hint,
      cards.length ? "Select one more key to compare." : "Select at least two keys below.",
    );
    const names = cards.map((card) => keyName(card.key, this.name));
    const shown = names.join("\n");
    if (shown !== this.shown) {
      this.shown = shown;
      this.chips.replaceChildren(...cards.map((card, i) => this.#chip(card, names[i], i)));
    }
    this.overlay.update(cards, names, this.measured);
    const written = scale(this.measured, cards[0]?.interval);
    const rows = cards.map((card) => [
      h("a", { href: detailPath(this.name, card.id) }, this.#named(card.id)),
      count(card.n),
      written.text(card.mean),
      written.range(card.interval),
    ]);
    const columns = [
      ["Key", "key"],
      ["n", "num lesser"],
      [written.log ? "Median" : "Mean", "num"],
      ["95 % interval", "num"],
    ];
    this.numbers.replaceChildren(table("The keys compared", columns, rows));
  }

  // A right-to-left name does not reorder the text beside it.
  #text(card) {
    const quiet = nameless(card.key) ? "nameless" : null;
    return h("bdi", { class: quiet }, keyName(card.key, this.name));
  }

  /** The name of a compared key with its symbol, in case the name is truncated. */
  #named(id) {
    const card = this.cards.get(id);
    const sign = h("span", { class: "sign" }, signOf(this.ids.indexOf(id)));
    return h(
      "span",
      { class: "key-name", title: keyName(card.key, this.name) },
      sign,
      " ",
      this.#text(card),
    );
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
    return h("span", { class: "chip" }, stroke, this.#named(card.id), drop);
  }

  async #compute() {
    setText(this.question, this.lowest ? "Which is lowest?" : "Which is highest?");
    if (this.ids.length < 2) {
      this.best.replaceChildren(h("p", { class: "nothing" }, "–"));
      this.differences.replaceChildren(h("p", { class: "nothing" }, "–"));
      return;
    }
    const { lowest, label } = this;
    const about = { best: lowest ? "lowest" : null, label: this.labelled ? label : null };
    const asked = query({ keys: this.ids, ...about });
    let answer;
    try {
      answer = await get(`/api/compare/${part(this.name)}${asked}`, this.stop.signal);
    } catch (error) {
      const away = error.status === 0 && this.answered; // the banner reports outdated data
      if (error.name !== "AbortError" && !away)
        this.best.replaceChildren(h("p", { class: "nothing" }, error.message));
      return;
    }
    if (lowest === this.lowest && label === this.label) this.#answered(answer);
  }

  #answered({ keys, p_best: chances, differences, shares }) {
    this.answered = true;
    if (shares) {
      this.shares = new Map(keys.map((id, i) => [id, shares[i]]));
      this.#draw();
    }
    const named = (id) => this.#named(id);
    const ranked = keys
      .map((id, i) => ({ id, p: chances[i] }))
      .filter(({ id }) => this.ids.includes(id))
      .sort((a, b) => b.p - a.p);
    this.best.replaceChildren(bests(ranked, (id) => this.ids.indexOf(id), named));
    const pairs = differences.filter(({ pair }) => pair.every((id) => this.ids.includes(id)));
    const written = scale(this.measured, pairs[0]?.interval);
    setText(this.much, `${written.log ? "ratio" : "difference"}, 95 % interval`);
    this.differences.replaceChildren(forest(pairs, named, written));
  }

  unmount() {
    this.stop.abort();
    this.heard?.abort();
    clearTimeout(this.pending);
    this.overlay?.close();
  }
}
