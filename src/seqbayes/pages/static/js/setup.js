// The reader's prior and bag.

import { button, h, segments, setText } from "../../../dashboard/static/js/dom.js";
import { PriorForm } from "../../../dashboard/static/js/views/prior.js";
import { COLOURS, LETTERS, readBag } from "./candies.js";
import { candy } from "./terms.js";

const FIXED = { uniform: 1, jeffreys: 0.5 };
const UNNAMED = 1; // imagined candies of a colour that the proportions omit
export const STRENGTH = 100;

/** Read proportions such as green=.4,red=.6; null if it has another form. */
export function readShares(text) {
  const pairs = text.split(",").map((part) => part.split("="));
  const valid = pairs.every(([name, share]) => COLOURS.includes(name) && Number(share) >= 0);
  return valid ? Object.fromEntries(pairs.map(([name, share]) => [name, Number(share)])) : null;
}

export const writeShares = (shares) =>
  Object.entries(shares)
    .map(([colour, share]) => `${colour}=${share}`)
    .join(",");

/**
 * Return a prior as numbers of imagined candies.
 *
 * @param {string} prior uniform, jeffreys, park, or proportions
 * @param {number} strength the weight of park or of the proportions
 * @param {object} park the shares of the guess made in the park
 * @throws {RangeError} if the proportions are invalid
 */
export function readPrior(prior, strength, park) {
  if (prior in FIXED) return COLOURS.map(() => FIXED[prior]);
  const shares = prior === "park" ? park : readShares(prior);
  if (!shares) throw new RangeError(`expected proportions such as red=.3,green=.7, got ${prior}`);
  const total = Object.values(shares).reduce((sum, share) => sum + share, 0);
  if (Math.abs(total - 1) > 1e-9)
    throw new RangeError(`proportions must sum to 1, but they sum to ${total.toFixed(2)}`);
  const zero = Object.keys(shares).find((colour) => shares[colour] === 0);
  if (zero)
    throw new RangeError(
      `a share of 0 for ${zero} could not be changed by data: give it a positive share`,
    );
  if (!(strength > 0 && strength <= 1e6))
    throw new RangeError(
      `expected a weight of up to a million candies, got ${Number.isNaN(strength) ? "no number" : strength}`,
    );
  return COLOURS.map((colour) => (colour in shares ? strength * shares[colour] : UNNAMED));
}

/** The form of the prior; `change` is called with {prior, strength}. */
export function priorForm({ prior, strength }, change) {
  const form = new PriorForm(
    COLOURS,
    (chosen) => {
      const text = typeof chosen.prior === "string" ? chosen.prior : writeShares(chosen.prior);
      change({ prior: text, strength: chosen.strength ?? STRENGTH });
    },
    { prior, strength },
  );
  const shares = readShares(prior);
  if (shares) form.adopt(shares);
  return form;
}

/** The real bags, or the reader's bag; `change` is called with that bag's letters, or null. */
export class BagInput {
  constructor(letters, change) {
    Object.assign(this, { letters: letters ?? "", change });
    this.problem = h("p", { class: "refusal", role: "alert", hidden: true });
    this.text = h("input", {
      id: "bag",
      class: "text-field",
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      value: this.letters,
    });
    this.text.addEventListener("input", () => this.#typed());
    const add = COLOURS.map((colour, i) =>
      button(colour, { class: "button add", onclick: () => this.#set(this.letters + LETTERS[i]) }),
    );
    add.forEach((one, i) => one.prepend(candy(i)));
    for (const one of add) one.firstChild.setAttribute("aria-hidden", "true");
    this.own = h(
      "div",
      { class: "own-bag", hidden: letters === null },
      h("div", { class: "adders", role: "group", "aria-label": "Add a candy" }, ...add),
      h("label", { for: "bag" }, "Or type letters or names of colours (N is brown)"),
      this.text,
      h(
        "p",
        { class: "actions" },
        button("Remove the last", { onclick: () => this.#set(this.letters.slice(0, -1)) }),
        button("Empty the bag", { onclick: () => this.#set("") }),
      ),
      this.problem,
    );
    const choose = (kind) => {
      this.own.hidden = kind === "real";
      this.change(kind === "real" ? null : this.letters);
    };
    this.choice = segments(
      "Bag",
      [
        ["real", "48 real bags"],
        ["own", "Your own bag"],
      ],
      letters === null ? "real" : "own",
      choose,
    );
    this.element = h(
      "div",
      { class: "bag-form" },
      h("div", { class: "scroll" }, this.choice),
      this.own,
    );
  }

  #set(letters) {
    this.text.value = letters;
    this.#typed();
  }

  #typed() {
    const { bag, unknown } = readBag(this.text.value);
    this.showUnknown(unknown);
    this.letters = bag.map((colour) => LETTERS[colour]).join("");
    this.change(this.letters);
  }

  /** Show which words are not candies. */
  showUnknown(words) {
    this.problem.hidden = words.length === 0;
    setText(
      this.problem,
      words.length
        ? `expected letters of ${LETTERS.join(", ")} or names of colours, got ${words[0]}`
        : "",
    );
  }
}
