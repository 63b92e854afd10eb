// The dead letters of all beliefs: the reasons, and the newest letters.

import { get } from "../api.js";
import { h, table } from "../dom.js";
import { count, observation, visible, when } from "../format.js";

const MAX_ROWS = 25;
const MIN_RELOAD_MS = 3000; // ms between two loads while more arrive
const MAX_SHORT_TEXT = 80; // characters of the raw text before it is expanded

export class DeadLetters {
  /** @param {AbortSignal} signal of the view that shows them */
  constructor(signal) {
    this.signal = signal;
    this.known = null;
    this.total = h("p");
    this.body = h("div");
    this.element = h(
      "section",
      { class: "panel letters" },
      h("header", null, h("h2", null, "Dead letters"), this.total),
      this.body,
    );
    signal.addEventListener("abort", () => clearTimeout(this.pending));
    this.#load();
  }

  /** Reload if the total differs from the number shown. */
  follow(total) {
    if (total === this.known || this.pending) return;
    this.pending = setTimeout(() => {
      this.pending = null;
      this.#load();
    }, MIN_RELOAD_MS);
  }

  async #load() {
    try {
      this.#show(await get(`/api/dead-letters?limit=${MAX_ROWS}`, this.signal));
    } catch (error) {
      if (error.name !== "AbortError" && this.known === null)
        this.body.replaceChildren(h("p", { class: "nothing" }, error.message));
    }
  }

  #show({ total, reasons, letters }) {
    this.known = total;
    if (!letters.length) {
      const none = total ? "An in-memory store does not keep dead letters." : "None: all events could be used.";
      this.total.replaceChildren();
      this.body.replaceChildren(h("p", { class: "nothing" }, none));
      return;
    }
    const newest = letters.length < total ? `, the newest ${letters.length} below` : "";
    this.total.replaceChildren(`${count(total)} in all${newest}`);
    const open = new Set(
      [...this.body.querySelectorAll("details[open]")].map((each) => each.dataset.id),
    );
    this.body.replaceChildren(
      table(
        "Reasons",
        [["Belief"], ["Reason"], ["Events", "num"]],
        reasons.map(({ n, belief, reason }) => [of(belief), visible(reason), count(n)]),
      ),
      table(
        "The newest dead letters",
        [["Belief"], ["Reason"], ["Event"], ["Position", "num"], ["When", "num"]],
        letters.map((letter) => [
          of(letter.belief),
          visible(letter.reason),
          came(letter, open),
          visible(letter.position ?? "–"),
          when(letter.at),
        ]),
      ),
    );
  }
}

const of = (belief) => (belief ? h("bdi", null, visible(belief)) : h("i", null, "all"));

function came(letter, open) {
  const text = observation(letter.raw);
  if (text.length <= MAX_SHORT_TEXT) return h("code", { class: "mono" }, text);
  const id = `${letter.source} ${letter.position} ${letter.belief}`;
  return h(
    "details",
    { "data-id": id, open: open.has(id) },
    h("summary", null, h("code", { class: "mono" }, `${text.slice(0, MAX_SHORT_TEXT)}…`)),
    h("code", { class: "mono whole" }, text),
  );
}
