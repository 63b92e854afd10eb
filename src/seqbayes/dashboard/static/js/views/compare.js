// Compares several keys of one belief: which one is best, and by how much.

import { detailPath, get, part, query } from "../api.js";
import { History, storedLevel } from "../charts/history.js";
import { bests, estimates, forest } from "../charts/forest.js";
import { compares } from "../charts/kinds.js";
import { Overlay, signOf, strokeClass } from "../charts/overlay.js";
import { h, icon, segments, setText, svg, table } from "../dom.js";
import { downloads } from "../exports.js";
import { count, exists, keyName, measure, nameless, number, percent, plain, probability, scale, visible } from "../format.js";
import { term } from "../glossary.js";
import { LEVELS, keepLevel, levelOf, parameter } from "../level.js";
import { paint } from "../paint.js";
import { MAX_COMPARED } from "../selection.js";
import { Offers } from "./offers.js";
import { empty, failure, loading } from "./state.js";
import { contrast, loss, tested, verdict } from "./verdict.js";

const AGAIN = 1500; // ms between two computations while events arrive
const BEST = [
  ["highest", "Highest is best"],
  ["lowest", "Lowest is best"],
];
const BEST_KEY = "best"; // instead of a control
const NO_SHARE = { mean: null, interval: null, density: null };
const planned = (ratio) =>
  ratio ? `${ratio.text[0].toUpperCase()}${ratio.text.slice(1)}.${ratio.mismatch ? " Find the cause before you use these results." : ""}` : "";
const panel = (head, ...children) =>
  h("section", { class: "panel" }, h("header", null, ...head), ...children);

export class Compare {
  title = "Compare";
  watches = true;

  constructor(app, _, search) {
    this.app = app;
    this.name = search.get("belief");
    this.ids = [...new Set(search.getAll("keys"))].slice(0, MAX_COMPARED);
    this.wanted = search.get("best");
    this.label = search.get("label");
    this.level = levelOf(search);
    this.control = search.get("control"); // null: as configured
    this.open = this.ids.length > 0; // otherwise the server chooses the keys
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

  get #usuallyLowest() {
    return this.belief.better === "lower";
  }

  #lowestIsBest() {
    return this.wanted ? this.wanted === "lowest" : this.#usuallyLowest;
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
    const best = segments("Best value", BEST, BEST[Number(this.lowest)][0], (value) => {
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
        h("p", { class: "sub" }, this.belief.title || this.belief.description || `Up to ${MAX_COMPARED} keys of one belief.`),
      ),
      h("div", { class: "actions" }, best, this.#labels(), this.#controls(), this.#levels(), h("label", { class: "select" }, choice)),
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

  #levels() {
    return segments("Level of intervals", LEVELS, this.level, (level) => {
      this.level = level;
      keepLevel(level);
      this.#remember();
      this.#compute();
    });
  }

  #controls() {
    this.against = h("select", {
      "aria-label": "Against",
      onchange: () => {
        this.control = this.against.value;
        this.#remember();
        this.#compute();
      },
    });
    return h("label", { class: "select" }, h("span", { class: "muted" }, "Against"), this.against);
  }

  // The reference of the differences: the best key, or any compared key.
  #offerControls({ reference }) {
    const chosen = this.control ?? (this.#configured() ? reference : BEST_KEY);
    this.against.replaceChildren(
      h("option", { value: BEST_KEY }, "the best"),
      ...this.ids.map((id) => h("option", { value: id }, keyName(this.cards.get(id).key, this.name))),
    );
    this.against.value = this.ids.includes(chosen) ? chosen : BEST_KEY;
  }

  #configured() {
    const { control } = this.belief;
    return control !== null && this.ids.includes(JSON.stringify([control].flat()));
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
    const caption = h("span", { class: "muted" }, "Share of");
    this.choices = h("label", { class: "select", hidden: true }, caption, this.choice);
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
    this.verdict = h("p", { class: "verdict-text", role: "status" });
    this.ratio = h("p", { class: "hint", role: "status" });
    this.forest = h("div");
    this.decision = h("div");
    this.numbers = h("div");
    this.history?.close();
    this.history = new History();
    this.stored = h("p", { class: "muted" });
    this.past = [];
    this.best = h("div");
    this.differences = h("div");
    this.question = h("h2");
    this.much = h("p");
    this.span = h("p");
    const much = [h("h2", null, "By how much?"), this.much];
    const columns = h(
      "div",
      { class: "columns" },
      h(
        "div",
        null,
        panel(
          [h("h2", null, "Estimates"), this.span],
          this.forest,
          downloads(`${this.name} estimates`, { element: () => this.forest, rows: () => this.#rows() }),
        ),
        panel(
          [h("h2", null, "Posterior densities")],
          this.overlay.element,
          downloads(`${this.name} densities`, {
            element: () => this.overlay.element,
            rows: () => this.#densities(),
          }),
        ),
        panel(
          [h("h2", null, "History"), this.history.tools],
          this.history.element,
          this.stored,
          downloads(`${this.name} history`, {
            element: () => this.history.element,
            rows: () => this.#pastRows(),
          }),
        ),
        panel([h("h2", null, "In numbers")], this.numbers),
      ),
      h(
        "div",
        null,
        panel(
          [this.question, h("p", null, term("P(best)"))],
          this.best,
          downloads(`${this.name} best`, { element: () => this.best, rows: () => this.#rows() }),
        ),
        panel(
          much,
          this.differences,
          downloads(`${this.name} differences`, {
            element: () => this.differences,
            rows: () => this.#differenceRows(),
          }),
        ),
        panel(
          [h("h2", null, "What a choice costs"), h("p", null, term("expected loss"))],
          this.decision,
          downloads(`${this.name} choices`, { element: () => this.decision, rows: () => this.#rows() }),
        ),
      ),
    );
    this.results = h("div", null, h("section", { class: "panel conclusion" }, this.verdict, this.ratio, h("p", { class: "hint" }, term("anytime-valid test"), " ", term("credible interval"))), columns);
    return this.results;
  }

  #turn(name) {
    this.name = name;
    this.ids = [];
    this.open = false;
    this.control = null;
    this.answer = null;
    if (!this.wanted) this.lowest = this.#lowestIsBest();
    this.#build();
    this.#load();
  }

  #remember() {
    history.replaceState(history.state, "", `/compare${query({ belief: this.name, ...this.#asked() })}`);
  }

  // The query of the page and of the API.
  #asked() {
    const control = this.control === BEST_KEY || this.ids.includes(this.control) ? this.control : null;
    return {
      keys: this.ids,
      best: this.lowest === this.#usuallyLowest ? null : this.lowest ? "lowest" : "highest",
      label: this.labelled ? this.label : null,
      level: parameter(this.level),
      control,
    };
  }

  async #load() {
    if (this.known.get(this.name) < 2) this.#remember();
    else if (this.ids.length < 2 && this.open) await this.#single();
    else await this.#compute();
    if (this.stop.signal.aborted) return;
    this.app.live.watch(this.ids.map((id) => [this.name, id]), parameter(this.level));
    this.#enough();
    await this.offers.show(this.belief, this.ids, this.ids.length >= MAX_COMPARED);
  }

  // Fewer than two keys are not compared.
  async #single() {
    this.answer = null;
    const [id] = this.ids;
    if (id !== undefined && !this.cards.has(id)) {
      try {
        this.cards.set(id, await get(`/api/beliefs/${part(this.name)}/${part(id)}`, this.stop.signal));
      } catch (error) {
        if (error.status !== 404) throw error;
        this.app.shell.say(error.message); // the key was deleted
        this.ids = [];
      }
    }
    this.#remember();
    this.#draw();
  }

  async #compute() {
    const wanted = this.ids;
    const path = `/api/compare/${part(this.name)}`;
    let answer;
    try {
      answer = await get(path + query(this.#asked()), this.stop.signal);
    } catch (error) {
      if (error.name !== "AbortError") await this.#failed(error);
      return;
    }
    if (wanted !== this.ids || this.stop.signal.aborted) return;
    if (answer.keys.join("\n") !== wanted.join("\n")) this.ids = answer.keys;
    this.open = true;
    for (const card of answer.cards) this.cards.set(card.id, card);
    this.label = answer.label;
    this.answer = answer;
    this.shares = new Map(answer.keys.map((id, i) => [id, answer.shares?.[i]]));
    this.#remember();
    this.#offerLabels();
    this.#offerControls(answer);
    this.#draw();
    await this.#loadHistory();
  }

  async #loadHistory() {
    const wanted = this.ids;
    const { level } = this;
    const asked = query({ keys: wanted, part: this.labelled ? this.label : null, level: parameter(level) });
    let found;
    try {
      found = await get(`/api/history/${part(this.name)}${asked}`, this.stop.signal);
    } catch (error) {
      if (error.name === "AbortError" || error.status === 404) return;
      found = { curves: [], marks: [] }; // a label that one of the keys does not have
    }
    if (wanted !== this.ids || level !== this.level) return;
    this.past = found.curves.map((curve) => ({ ...curve, name: keyName(curve.key, this.name) }));
    const none = "There is no history of all of these keys.";
    this.history.update(this.past, this.measured, { marks: found.marks, none });
    setText(this.stored, storedLevel(this.past, level));
  }

  #pastRows() {
    const of = plain(this.measured);
    const rows = this.past.flatMap(({ name, t, mean, low, high, level }) =>
      t.map((time, i) => [name, new Date(1000 * time).toISOString(), ...[mean, low, high].map((ys) => of(ys[i])), level]),
    );
    return [["key", "time", "mean", "low", "high", "level"], ...rows];
  }

  // Deleted keys are removed; known results are kept while the server is unavailable.
  async #failed(error) {
    if (error.status === 404 && this.ids.length) {
      const found = await Promise.allSettled(
        this.ids.map((id) => get(`/api/beliefs/${part(this.name)}/${part(id)}`, this.stop.signal)),
      );
      const kept = this.ids.filter((_, i) => found[i].value);
      if (kept.length === this.ids.length) return;
      this.app.shell.say(error.message);
      found.forEach(({ value }) => value && this.cards.set(value.id, value));
      this.ids = kept;
      this.open = true;
      await this.#load();
    } else if (!this.answer) {
      throw error;
    }
  }

  // With a single key there is no choice.
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
            ? `${this.name} has only one key so far; a comparison needs two.`
            : `${this.name} has no keys yet; a comparison needs two.`,
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
    if (this.ids.length >= MAX_COMPARED) return;
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
    this.#results();
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
    const arms = new Map(this.answer?.arms.map((arm) => [arm.key, arm]));
    const rows = cards.map((card) => [
      h("a", { href: detailPath(this.name, card.id) }, this.#named(card.id)),
      count(card.n),
      this.#observed(card, written),
      written.text(arms.get(card.id)?.mean ?? card.mean),
      written.range(arms.get(card.id)?.interval ?? card.interval),
    ]);
    const columns = [
      ["Key", "key"],
      ["n", "num lesser"],
      ["Observed", "num"],
      [written.log ? "Median" : "Mean", "num"],
      [`${percent(this.level)} interval`, "num"],
    ];
    this.numbers.replaceChildren(table("The keys compared", columns, rows));
  }

  /** The data without the prior: the number of successes or of a label, or the observed mean. */
  #observed({ id, mle }, written) {
    const { n, shares } = this.cards.get(id);
    const share = shares?.find(({ label }) => label === this.label);
    if (this.labelled) return share ? `${count(share.n)} of ${count(n)}` : "–";
    if (!exists(mle)) return "–";
    return this.belief.likelihood === "Bernoulli" ? `${count(Math.round(n * mle))} of ${count(n)}` : written.text(mle);
  }

  // A right-to-left name must not reorder the text next to it.
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
      { type: "button", "aria-label": `Remove ${name}`, onclick: () => this.#drop(card.id) },
      icon("close"),
    );
    return h("span", { class: "chip" }, stroke, this.#named(card.id), drop);
  }

  #results() {
    const { answer } = this;
    const shown = answer && answer.keys.length === this.ids.length;
    this.results.hidden = !shown;
    if (!shown) return;
    const { arms, lowest, reference, best, level } = answer;
    setText(this.question, lowest ? "Probability of being lowest" : "Probability of being highest");
    const named = (id) => this.#named(id);
    const written = scale(this.measured, arms[0].interval);
    const { unit } = this.belief;
    const { tone, lead, rest } = verdict(answer, {
      name: (id) => keyName(this.cards.get(id).key, this.name),
      written,
      belief: this.belief,
    });
    this.results.dataset.tone = tone;
    const gate = tested(answer, (id) => keyName(this.cards.get(id).key, this.name));
    if (this.verdict.textContent !== `${lead} ${rest} ${gate}`)
      this.verdict.replaceChildren(h("b", null, lead), ` ${rest} ${gate}`);
    setText(this.ratio, planned(answer.sample_ratio));
    this.ratio.classList.toggle("warned", Boolean(answer.sample_ratio?.mismatch));
    const ranked = arms.map(({ key, p_best: p }) => ({ id: key, p })).sort((a, b) => b.p - a.p);
    this.best.replaceChildren(bests(ranked, (id) => this.ids.indexOf(id), named));
    setText(this.span, `${percent(level)} intervals${unit ? `, in ${unit}` : ""}`);
    const log = written.log;
    const { threshold, equivalence } = this.belief;
    const limit = exists(threshold) ? (log ? Math.log(threshold) : threshold) : null;
    const centre = arms.find(({ key }) => key === reference).mean;
    const reach = exists(equivalence) ? (log ? Math.log1p(equivalence) : equivalence) : null;
    const band = reach === null || !exists(centre) ? null : [centre - reach, centre + reach];
    this.forest.replaceChildren(
      estimates(arms, { named, written, lowest, threshold: limit, band }),
      limit === null && !band
        ? ""
        : h(
            "p",
            { class: "hint" },
            limit === null ? "" : term("threshold", `Line: threshold ${written.text(limit)}`),
            band ? term("equivalence", "Band: equivalent to the reference") : "",
          ),
    );
    // Without a control, the differences of the best key to the others.
    const pairs =
      reference === best
        ? answer.differences
        : arms.flatMap(({ key, contrast: found }) =>
            found ? [{ pair: [key, reference], mean: found.mean, interval: found.interval }] : [],
          );
    const apart = scale(this.measured, pairs[0]?.interval);
    setText(this.much, `${log ? "ratio" : "difference"}, ${percent(level)} interval`);
    this.pairs = pairs;
    this.differences.replaceChildren(forest(pairs, named, apart));
    this.decision.replaceChildren(this.#costs(answer, written, limit));
  }

  // The numbers of the charts; logarithms as their exponentials.
  #rows() {
    const { arms, level } = this.answer;
    const of = plain(this.measured);
    const heads = ["key", "n", "observed", "mean", `low ${level}`, `high ${level}`, "P(best)", "expected loss", "P(above threshold)"];
    return [
      heads,
      ...arms.map((arm) => [
        ...[keyName(this.cards.get(arm.key).key, this.name), this.cards.get(arm.key).n],
        ...[this.#observed(this.#shown(arm.key), scale(this.measured)), of(arm.mean)],
        ...[...arm.interval.map(of), arm.p_best, arm.loss, arm.p_above],
      ]),
    ];
  }

  // Of logarithms, the ratios.
  #differenceRows() {
    const of = this.measured === "log" ? Math.exp : (x) => x;
    const name = (id) => keyName(this.cards.get(id).key, this.name);
    const rows = this.pairs.map(({ pair: [one, other], mean, interval }) => [
      ...[name(one), name(other)],
      ...[mean, ...(interval ?? [null, null])].map((x) => (exists(x) ? of(x) : null)),
    ]);
    const what = this.measured === "log" ? "ratio" : "difference";
    return [["key", "against", what, `low ${this.level}`, `high ${this.level}`], ...rows];
  }

  #densities() {
    const of = plain(this.measured);
    const rows = this.ids.flatMap((id) => {
      const { key, density } = this.#shown(id);
      return (density?.x ?? []).map((x, i) => [keyName(key, this.name), of(x), density.posterior[i]]);
    });
    return [["key", "value", "density"], ...rows];
  }

  #costs({ arms, reference }, written, limit) {
    const limited = limit !== null;
    const { unit, equivalence } = this.belief;
    const columns = [
      ["Key", "key"],
      ["Expected loss", "num"],
      [term("lift", "Lift"), "num"],
      ...(limited ? [[`P(> ${written.text(limit)})`, "num"]] : []),
      ...(exists(equivalence) ? [["P(equivalent)", "num"]] : []),
    ];
    const lift = (found) => {
      if (!found) return "reference";
      return exists(found.lift) && !written.log ? `${found.lift > 0 ? "+" : ""}${number(100 * found.lift, 2)} %` : contrast(found, written, unit);
    };
    const rows = arms.map((arm) => [
      this.#named(arm.key),
      loss(arm.loss, written, unit),
      lift(arm.contrast),
      ...(limited ? [probability(arm.p_above)] : []),
      ...(exists(equivalence) ? [arm.key === reference ? "–" : probability(arm.contrast.p_equivalent)] : []),
    ]);
    return table("What a choice costs", columns, rows);
  }

  unmount() {
    this.stop.abort();
    this.heard?.abort();
    clearTimeout(this.pending);
    this.overlay?.close();
    this.history?.close();
  }
}
