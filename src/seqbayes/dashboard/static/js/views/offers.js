// The keys that can be added to a comparison.

import { isNumeric } from "../charts/kinds.js";
import { get, part, query } from "../api.js";
import { h, icon } from "../dom.js";
import { count, measure, scale } from "../format.js";

const MAX_OFFERED = 24;
const TYPING = 180; // ms without a keystroke before a search starts

export class Offers {
  /**
   * @param {Function} add called with the id of a key
   * @param {Function} named makes an element with the name of a card's key
   * @param {AbortSignal} signal
   */
  constructor(add, named, signal) {
    Object.assign(this, { add, named, signal });
    this.field = h("input", {
      type: "search",
      placeholder: "Find a key",
      "aria-label": "Find a key",
      autocomplete: "off",
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.show(this.belief, this.ids, this.full), TYPING);
      },
    });
    this.list = h("div", { class: "choose" });
    this.element = h(
      "section",
      { class: "panel more-keys" },
      h(
        "header",
        null,
        h("h2", null, "Keys"),
        h("label", { class: "field" }, icon("search"), this.field),
      ),
      this.list,
    );
  }

  /** Offer the other keys of a belief. */
  async show(belief, ids, full) {
    if (this.belief?.name !== belief.name) this.field.value = "";
    Object.assign(this, { belief, ids, full });
    const search = this.field.value.trim();
    const parameters = query({ sort: "n", order: "desc", search, limit: MAX_OFFERED });
    try {
      const { cards } = await get(`/api/beliefs/${part(belief.name)}${parameters}`, this.signal);
      if (belief !== this.belief || ids !== this.ids) return;
      const open = cards.filter((card) => !ids.includes(card.id));
      this.list.replaceChildren(...open.map((card) => this.#offer(card)));
      if (!open.length)
        this.#report(search ? `No other key contains “${search}”.` : "There are no other keys.");
    } catch (error) {
      // While the server is unavailable, the known keys remain.
      if (error.name !== "AbortError" && !this.list.querySelector("button")) this.#report(error.message);
    }
  }

  #offer(card) {
    const mean = scale(measure(this.belief), card.interval).text(card.mean ?? card.median);
    const value = isNumeric(this.belief.kind) ? mean : `n ${count(card.n)}`;
    return h(
      "button",
      { type: "button", class: "button", disabled: this.full, onclick: () => this.add(card.id) },
      this.named(card),
      h("span", { class: "muted" }, value),
    );
  }

  #report(text) {
    this.list.replaceChildren(h("p", { class: "nothing" }, text));
  }
}
