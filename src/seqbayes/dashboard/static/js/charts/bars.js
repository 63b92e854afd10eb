// Beliefs about several numbers: shares of labels, fields, components.

import { h, setText } from "../dom.js";
import { percentOf } from "./density.js";
import { count, measureOf, oneOf, probability, scale, visible } from "../format.js";

export const percent = (share) => `${(100 * share).toFixed(2)}%`;

export function place(element, variables) {
  for (const [name, value] of Object.entries(variables)) element.style.setProperty(name, value);
}

const widestOf = (shares) =>
  Math.max(0.02, ...shares.map((share) => share.interval?.[1] ?? share.mean));

/** Shares as bars, intervals as whiskers, estimates as symbols; in full, with the intervals as text. */
export class Shares {
  constructor({ most = 12, estimates = false, full = false } = {}) {
    this.most = most;
    this.estimates = estimates;
    this.full = full;
    this.rows = new Map();
    this.element = h("ul", { class: full ? "shares with-ranges" : "shares" });
    this.rest = h("li", { class: "muted rest" });
  }

  /** The extent of a card on a common axis; null if it has no shares. */
  extent(card) {
    return card.shares?.length ? { low: 0, high: widestOf(this.#shown(card)) } : null;
  }

  /** Use a common axis; null restores the axis of the card. */
  share(shared) {
    if (shared === this.shared) return;
    this.shared = shared;
    if (this.card) this.update(this.card);
  }

  update(card) {
    this.card = card;
    const shares = this.#shown(card);
    const widest = this.shared?.domain[1] ?? widestOf(shares);
    const kept = new Set(shares.map((share) => share.label));
    for (const [label, row] of this.rows) {
      if (!kept.has(label)) {
        row.element.remove();
        this.rows.delete(label);
      }
    }
    shares.forEach((share, i) => {
      const row = this.#row(share.label);
      if (this.element.children[i] !== row.element) {
        this.element.insertBefore(row.element, this.element.children[i] ?? null);
      }
      this.#fill(row, share, widest);
    });
    const rest = (card.shares?.length ?? 0) - shares.length + (card.rest ?? 0);
    if (rest > 0) {
      setText(this.rest, `and ${count(rest)} more`);
      this.element.append(this.rest);
    } else this.rest.remove();
  }

  // If there are more shares than fit, the last line states how many more there are.
  #shown(card) {
    const all = (card.shares?.length ?? 0) + (card.rest ?? 0);
    return (card.shares ?? []).slice(0, all > this.most ? this.most - 1 : this.most);
  }

  #row(label) {
    if (this.rows.has(label)) return this.rows.get(label);
    const parts = {
      bar: h("span", { class: "bar" }),
      whisker: h("span", { class: "whisker" }),
      mean: h("span", { class: "tick" }),
      mle: this.estimates && h("span", { class: "at-mle" }),
      map: this.estimates && h("span", { class: "at-map" }),
      value: h("span", { class: "value" }),
      range: h("span", { class: this.full ? "range muted" : "visually-hidden" }),
    };
    const track = h("span", { class: "track", "aria-hidden": "true" });
    track.append(...[parts.bar, parts.whisker, parts.mle, parts.map, parts.mean].filter(Boolean));
    const name = visible(label);
    const element = h(
      "li",
      null,
      h("span", { class: "label", title: name }, name),
      track,
      parts.value,
      parts.range,
    );
    const row = { ...parts, element };
    this.rows.set(label, row);
    return row;
  }

  #fill(row, share, widest) {
    const at = (x) => percent(Math.min(1, Math.max(0, x) / widest));
    place(row.bar, { width: at(share.mean) });
    place(row.mean, { left: at(share.mean) });
    row.whisker.hidden = !share.interval;
    if (share.interval) {
      const [low, high] = share.interval;
      place(row.whisker, { left: at(low), width: percent((high - low) / widest) });
      const range = scale("share", share.interval).range(share.interval);
      setText(row.range, this.full ? range : `, ${percentOf(this.card)} interval ${range}`);
    }
    for (const estimate of ["mle", "map"]) {
      if (!row[estimate]) continue;
      const value = share[estimate];
      row[estimate].hidden = typeof value !== "number";
      if (typeof value === "number") place(row[estimate], { left: at(value) });
    }
    setText(row.value, probability(share.mean));
  }
}

/** Named numbers with intervals, each with a separate scale. */
export class Fields {
  constructor({ most = 6 } = {}) {
    this.most = most;
    this.element = h("table", { class: "fields" }, h("caption", { class: "visually-hidden" }, "Fields"));
    this.body = h("tbody");
    this.element.append(this.body);
  }

  update(card) {
    const fields = (card.fields ?? []).slice(0, this.most);
    const rest = (card.fields?.length ?? 0) - fields.length;
    const rows = fields.map((field) => {
      const { name, interval, n, text } = field;
      const written = scale(measureOf(field), interval);
      const heading = typeof n === "number" ? `${name} (n\u00a0${count(n)})` : name;
      return h(
        "tr",
        null,
        h("th", { scope: "row", title: heading }, heading),
        h("td", { class: "num" }, oneOf(field, written)),
        text
          ? h("td", { class: "muted text" }, text)
          : h("td", { class: "num muted" }, interval ? written.range(interval) : ""),
      );
    });
    if (rest > 0)
      rows.push(h("tr", null, h("td", { colspan: 3, class: "muted" }, `and ${count(rest)} more`)));
    if (!fields.length)
      rows.push(h("tr", null, h("td", { class: "muted" }, "No single number summarises the belief.")));
    this.body.replaceChildren(...rows);
  }
}

/** Horizontal bars of probabilities that sum to 1. */
export function chances(rows) {
  return h(
    "ul",
    { class: "shares chances" },
    ...rows.map(({ name, p, mark }) => {
      const bar = h("span", { class: "bar" });
      bar.style.width = percent(p ?? 0);
      return h(
        "li",
        null,
        h("span", { class: "label", title: name }, mark ?? null, name),
        h("span", { class: "track", "aria-hidden": "true" }, bar),
        h("span", { class: "value" }, probability(p)),
      );
    }),
  );
}
