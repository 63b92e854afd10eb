// A card: the summary of one key.

import { detailPath } from "../api.js";
import { percentOf } from "../charts/density.js";
import { chartOf, isNumeric, layoutOf } from "../charts/kinds.js";
import { Spark } from "../charts/spark.js";
import { h, icon, setAttribute, setText } from "../dom.js";
import { openDownloads } from "../exports.js";
import { faded } from "../fade.js";
import {
  ago,
  count,
  exact,
  exists,
  followed,
  keyName,
  measure,
  nameless,
  nameParts,
  oneOf,
  percent,
  rate,
  probability,
  scale,
  visible,
} from "../format.js";
import { paint } from "../paint.js";
import { isPinned, togglePin } from "../prefs.js";
import { beliefRows, historyRows } from "../rows.js";

export const CARD_HEIGHT = 300;
const PADDING = 18;
export const PLOT = 122;

export class Card {
  /**
   * @param {object} belief as GET /api/beliefs describes it
   * @param {string} id the id of the key
   * @param {{chosen: Function, choose: Function}} selection of keys to compare
   * @param {object} options
   * @param {boolean} [options.named] whether it shows the name of its belief
   */
  constructor(belief, id, selection, { named = false } = {}) {
    this.belief = belief;
    this.id = id;
    this.selection = selection;
    this.nameParts = [h("span", { class: "start" }), h("span")];
    this.title = h("a", { class: "name", href: detailPath(belief.name, id) }, ...this.nameParts);
    this.value = h("span", { class: "value" });
    this.range = h("span", { class: "range" });
    this.chart = chartOf(belief.kind);
    this.spark = new Spark();
    this.n = h("b");
    this.rate = h("span", { class: "rate" });
    this.last = h("span", { class: "last" });
    const comparable = isNumeric(belief.kind);
    this.pin = h(
      "button",
      { type: "button", class: "corner pin", onclick: () => togglePin(belief.name, id) },
      icon("star"),
    );
    this.save = h(
      "button",
      { type: "button", class: "corner save", onclick: () => this.#download() },
      icon("down"),
    );
    this.compare =
      comparable && selection
        ? h(
            "button",
            {
              type: "button",
              class: "corner add",
              onclick: () => selection.choose(belief.name, id),
            },
            icon("compare"),
          )
        : null;
    this.element = h(
      "article",
      { class: "card", "data-id": id, "data-belief": belief.name, "data-kind": belief.kind },
      h(
        "header",
        null,
        h("h3", null, this.title),
        named && belief.by.length > 0
          ? h("span", { class: "of", title: belief.name }, belief.name)
          : null,
        this.compare,
        this.save,
        this.pin,
      ),
      h("p", { class: "headline" }, this.value, this.range),
      this.chart.element,
      this.spark.element,
      h("footer", null, h("span", null, "n ", this.n), this.rate, this.last),
    );
    this.marks();
  }

  /** Show whether the card is pinned and selected. */
  marks() {
    const pinned = isPinned(this.belief.name, this.id);
    this.pin.setAttribute("aria-pressed", pinned);
    this.#label(this.pin, pinned ? "Unpin" : "Pin");
    this.#label(this.save, "Download");
    if (!this.compare) return;
    const chosen = this.selection.chosen(this.belief.name, this.id);
    this.compare.setAttribute("aria-pressed", chosen);
    this.#label(this.compare, chosen ? "Remove from the comparison" : "Compare");
    this.element.classList.toggle("chosen", chosen);
  }

  get #name() {
    return this.data ? keyName(this.data.key, this.belief.name) : this.id;
  }

  #label(button, what) {
    button.setAttribute("aria-label", `${what}: ${this.#name}`);
    button.title = what;
  }

  #download() {
    const { name, by } = this.belief;
    const measured = measure(this.belief);
    const tables = { Chart: () => beliefRows(this.data, measured) };
    const { spark } = this.data;
    if (spark) tables["Plot over time"] = () => historyRows(spark, measured);
    const { element } = this;
    openDownloads(this.save, by.length ? `${name} ${this.#name}` : name, { element, tables });
  }

  resize(width, plot = PLOT) {
    const inner = Math.max(120, width - 2 * PADDING - 2);
    const { spark, extra } = layoutOf(this.belief.kind);
    this.chart.resize?.(inner, plot + extra);
    this.spark.resize(inner, spark);
  }

  /** Update the card with complete data or changes. */
  update(patch) {
    const first = !this.data;
    this.data = { ...this.data, ...patch };
    this.receivedAt = Date.now();
    if (first) this.marks();
    paint(this, () => this.draw());
  }

  draw() {
    const card = this.data;
    const { name } = this.belief;
    const measured = measure(this.belief);
    nameParts(keyName(card.key, name)).forEach((text, i) => setText(this.nameParts[i], text));
    this.title.classList.toggle("nameless", nameless(card.key));
    setAttribute(this.title, "title", keyName(card.key, name));
    const top = card.shares?.[0];
    if (top) {
      setText(this.value, probability(top.mean));
      setText(this.range, visible(top.label));
    } else if (exists(card.mean ?? card.median)) {
      const written = scale(measured, card.interval);
      const middle = exists(card.mean) ? written.mean : "median";
      setText(this.value, written.text(card.mean ?? card.median));
      const above =
        typeof card.p_above === "number"
          ? `P(> ${exact(written.share ? 100 * this.belief.threshold : this.belief.threshold)}${written.unit}) ${probability(card.p_above)}`
          : "";
      setText(
        this.range,
        isNumeric(this.belief.kind)
          ? [middle === "mean" ? "" : middle, above].filter(Boolean).join(", ")
          : `${percentOf(card)}: ${written.range(card.interval)}`,
      );
    } else {
      const one = followed(card);
      const written = scale(one?.measured, one?.interval);
      setText(this.value, one ? oneOf(one, written) : count(card.n));
      setText(this.range, one ? visible(one.name) : "events");
    }
    this.chart.update({ ...card, threshold: this.belief.threshold }, measured);
    if (card.spark) {
      const { level, part } = card.spark;
      this.spark.update(card.spark, level === card.level ? "" : `${percent(level)} intervals`);
      const of = part ? ` of ${part}` : "";
      setAttribute(this.spark.element, "aria-label", `Mean and ${percent(level)} interval${of} over time`);
    }
    setText(this.n, count(card.n));
    this.tick();
  }

  /** Update the age of the last event. */
  tick() {
    if (!this.data) return;
    const speed = faded(this.data.rate, this.receivedAt);
    setText(this.rate, speed ? rate(speed) : "idle");
    setText(this.last, ago(this.data.updated));
  }
}

export const skeleton = () =>
  h("div", { class: "card skeleton", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i"));
