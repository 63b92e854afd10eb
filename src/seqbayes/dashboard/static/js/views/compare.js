// Compares several keys of one belief: which one is best, and by how much.

import { get, part, query } from "../api.js";
import { compares } from "../charts/kinds.js";
import { strokeClass } from "../charts/overlay.js";
import { h, icon, setText, svg } from "../dom.js";
import { parameter } from "../level.js";
import { paint } from "../paint.js";
import { MAX_COMPARED } from "../selection.js";
import { Chances, Conclusion, Costs, Differences } from "./comparison/decision.js";
import { Densities, Estimates, Numbers } from "./comparison/estimates.js";
import { ComparedKeys } from "./comparison/keys.js";
import { Options } from "./comparison/options.js";
import { Past } from "./comparison/past.js";
import { Offers } from "./offers.js";
import { empty, failure, loading } from "./state.js";

const MIN_RELOAD_MS = 1500; // ms between two computations while events arrive

export class Compare {
  title = "Compare";
  watches = true;

  constructor(app, _, search) {
    this.app = app;
    this.name = search.get("belief");
    this.ids = [...new Set(search.getAll("keys"))].slice(0, MAX_COMPARED);
    this.open = this.ids.length > 0; // otherwise the server chooses the keys
    this.options = new Options(search, () => {
      this.#remember();
      this.#watch();
      this.#guarded(() => this.#renew());
    });
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
      this.keys = new ComparedKeys(this.belief, this.ids);
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

  #listen() {
    this.listening?.abort();
    this.listening = new AbortController();
    const { signal } = this.listening;
    const { live } = this.app;
    live.addEventListener("cards", ({ detail }) => this.#patch(detail), { signal });
    live.addEventListener("resync", () => this.#reload(), { signal });
    live.addEventListener("health", ({ detail }) => this.#grown(detail.beliefs ?? {}), { signal });
  }

  #build() {
    const choice = h(
      "select",
      { "aria-label": "Belief", onchange: () => this.#turn(choice.value) },
      ...this.beliefs.map(({ name }) => h("option", { value: name }, name)),
    );
    choice.value = this.name;
    const { title, description } = this.belief;
    const about = title || description || `Up to ${MAX_COMPARED} keys of one belief.`;
    const chosen = this.options.show(this.keys);
    const head = h(
      "div",
      { class: "page-head" },
      h("div", null, h("h1", null, "Compare"), h("p", { class: "sub" }, about)),
      h("div", { class: "actions" }, ...chosen, h("label", { class: "select" }, choice)),
    );
    this.chips = h("div", { class: "key-list" });
    this.shown = null;
    this.hint = h("p", { class: "nothing" });
    this.offers = new Offers(
      (id) => this.#add(id),
      (card) => this.keys.text(card),
      this.stop.signal,
    );
    this.few = h("div");
    this.body = h("div", null, this.chips, this.hint, this.#panels(), this.offers.element);
    this.element.replaceChildren(head, this.few, this.body);
  }

  #panels() {
    const { keys } = this;
    this.#close();
    this.conclusion = new Conclusion(keys);
    this.estimates = new Estimates(keys);
    this.densities = new Densities(keys);
    this.past = new Past(keys);
    this.numbers = new Numbers(keys);
    this.decisions = [new Chances(keys), new Differences(keys), new Costs(keys)];
    const each = [this.estimates, this.densities, this.past, this.numbers];
    const columns = [each, this.decisions].map((parts) =>
      h("div", null, ...parts.map(({ element }) => element)),
    );
    this.results = h("div", null, this.conclusion.element, h("div", { class: "columns" }, ...columns));
    return this.results;
  }

  #turn(name) {
    this.name = name;
    this.keys = new ComparedKeys(this.belief, []);
    this.open = false;
    Object.assign(this.options, { control: null, label: null, quantity: null });
    this.answer = null;
    this.#build();
    this.#reload();
  }

  #remember() {
    const parameters = query({ belief: this.name, ...this.options.parameters });
    history.replaceState(history.state, "", `/compare${parameters}`);
  }

  async #load() {
    await this.#renew();
    if (this.stop.signal.aborted) return;
    this.#watch();
    this.#enough();
    const now = this.keys.ids;
    await this.offers.show(this.belief, now, now.length >= MAX_COMPARED);
  }

  // The server requires at least two keys.
  async #renew() {
    if (this.known.get(this.name) < 2) this.#remember();
    else if (this.keys.ids.length < 2 && this.open) await this.#single();
    else await this.#compute();
  }

  #watch() {
    const watched = this.keys.ids.map((id) => [this.name, id]);
    this.app.live.watch(watched, parameter(this.options.level));
  }

  #reload() {
    return this.#guarded(() => this.#load());
  }

  // Known results are kept if the server does not answer.
  async #guarded(act) {
    try {
      await act();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.app.shell.say(error.message);
      if (this.answer) return;
      this.few.hidden = false;
      this.few.replaceChildren(failure(error, () => this.#reload()));
    }
  }

  #one(id) {
    return get(`/api/beliefs/${part(this.name)}/${part(id)}`, this.stop.signal);
  }

  // A comparison needs at least two keys.
  async #single() {
    this.answer = null;
    const [id] = this.keys.ids;
    if (id !== undefined && !this.keys.has(id)) {
      try {
        this.keys.put(await this.#one(id));
      } catch (error) {
        if (error.status !== 404) throw error;
        this.app.shell.say(error.message); // the key was deleted
        this.keys.ids = [];
      }
    }
    this.#remember();
    this.#draw();
  }

  async #compute() {
    const { keys } = this;
    const wanted = keys.ids;
    let answer;
    try {
      const parameters = query(this.options.parameters);
      answer = await get(`/api/compare/${part(this.name)}${parameters}`, this.stop.signal);
    } catch (error) {
      if (error.name !== "AbortError") await this.#failed(error);
      return;
    }
    if (keys !== this.keys || wanted !== keys.ids || this.stop.signal.aborted) return;
    keys.take(answer);
    this.open = true;
    this.answer = answer;
    this.options.offer(answer);
    this.#remember();
    this.#draw();
    this.past.element.hidden = answer.quantity !== null; // the past of the parameter
    if (answer.quantity === null) await this.past.load(answer, this.options.level, this.stop.signal);
  }

  // Deleted keys are removed; known results are kept while the server is unavailable.
  async #failed(error) {
    const { keys } = this;
    if (error.status === 404 && keys.ids.length) {
      const found = await Promise.allSettled(keys.ids.map((id) => this.#one(id)));
      const kept = keys.ids.filter((_, i) => found[i].value);
      if (kept.length === keys.ids.length) return;
      this.app.shell.say(error.message);
      found.forEach(({ value }) => value && keys.put(value));
      keys.ids = kept;
      this.open = true;
      await this.#load();
    } else if (!this.answer) {
      throw error;
    }
  }

  // A comparison needs at least two keys.
  #enough() {
    const keys = this.known.get(this.name);
    this.body.hidden = keys < 2;
    this.few.hidden = keys > 1;
    if (keys > 1) return;
    const { by } = this.belief;
    const number = keys ? "has only one key so far" : "has no keys yet";
    const why = by.length
      ? `Each ${by.join(" and ")} is a separate key.`
      : "Its events have no key: declare a field that distinguishes them.";
    this.few.replaceChildren(
      empty(
        "Nothing to compare yet",
        h("p", null, `${this.name} ${number}; a comparison needs two.`),
        h("p", null, why),
      ),
    );
  }

  #grown(beliefs) {
    const before = this.known.get(this.name);
    for (const [name, keys] of Object.entries(beliefs)) this.known.set(name, keys);
    const now = this.known.get(this.name);
    if (before < 2 && now > 1) this.#reload();
    else if (before !== now) this.#enough();
  }

  #add(id) {
    if (this.keys.ids.length >= MAX_COMPARED) return;
    this.keys.ids = [...this.keys.ids, id];
    this.#reload();
  }

  #drop(id) {
    this.keys.ids = this.keys.ids.filter((one) => one !== id);
    this.#reload();
  }

  #patch(cards) {
    const { ids } = this.keys;
    const mine = cards.filter((card) => card.belief === this.name && ids.includes(card.id));
    if (!mine.length) return;
    for (const card of mine) this.keys.put(card);
    paint(this, () => this.#draw());
    this.pending ??= setTimeout(() => {
      this.pending = null;
      this.#guarded(() => this.#renew());
    }, MIN_RELOAD_MS);
  }

  #draw() {
    const { cards } = this.keys;
    const { answer, options } = this;
    this.#results();
    this.hint.hidden = cards.length > 1;
    const missing = cards.length ? "Select one more key to compare." : "Select at least two keys below.";
    setText(this.hint, missing);
    const shown = cards.map(({ id }) => id).join("\n");
    if (shown !== this.shown) {
      this.shown = shown;
      this.chips.replaceChildren(...cards.map(({ id }, i) => this.#chip(id, i)));
    }
    this.densities.update();
    this.numbers.update(answer, options.level);
  }

  #results() {
    const { answer } = this;
    const shown = answer && answer.keys.length === this.keys.ids.length;
    this.results.hidden = !shown;
    if (!shown) return;
    this.results.dataset.tone = this.conclusion.update(answer);
    this.estimates.update(answer, answer.lowest);
    for (const each of this.decisions) each.update(answer);
  }

  #chip(id, i) {
    const stroke = svg(
      "svg",
      { class: "stroke", viewBox: "0 0 22 6", "aria-hidden": "true" },
      svg("path", { d: "M0 3H22", class: `c-line ${strokeClass(i)}` }),
    );
    const drop = h(
      "button",
      { type: "button", "aria-label": `Remove ${this.keys.name(id)}`, onclick: () => this.#drop(id) },
      icon("close"),
    );
    return h("span", { class: "chip" }, stroke, this.keys.named(id), drop);
  }

  #close() {
    this.densities?.close();
    this.past?.close();
  }

  unmount() {
    this.stop.abort();
    this.listening?.abort();
    clearTimeout(this.pending);
    this.#close();
  }
}
