// The real bags, or the candies of the reader's bag.

import { button, h, segments, setText } from "../dom.js";
import { COLOURS } from "./candies.js";

const LETTERS = ["B", "N", "G", "O", "R", "Y"]; // N stands for brown

export class BagForm {
  /**
   * @param {string|undefined} letters the reader's bag; undefined for the real bags
   * @param {Function} start called with the letters, or undefined
   */
  constructor(letters, start) {
    this.problem = h("p", { class: "refusal", role: "alert", hidden: true });
    this.text = h("input", {
      id: "bag",
      class: "text-field",
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      value: letters ?? "",
    });
    const add = COLOURS.map((colour, i) =>
      button(colour, { class: "button add", onclick: () => (this.text.value += LETTERS[i]) }),
    );
    add.forEach((one, i) =>
      one.prepend(h("span", { class: `candy c-${COLOURS[i]}`, "aria-hidden": "true" })),
    );
    this.own = h(
      "div",
      { class: "own-bag", hidden: letters === undefined },
      h("div", { class: "adders", role: "group", "aria-label": "Add a candy" }, ...add),
      h("label", { for: "bag" }, "Or type letters or names of colours (N for brown)"),
      this.text,
      this.problem,
      button("Play this bag", { kind: "primary", onclick: () => start(this.text.value) }),
    );
    const choose = (kind) => {
      this.own.hidden = kind === "real";
      if (kind === "real") start(undefined);
    };
    this.element = h(
      "form",
      null,
      h("p", { class: "hint" }, "Open a bag and enter its candies: each of them is one step."),
      segments(
        "Bag",
        [
          ["real", "Real bags"],
          ["own", "Your own bag"],
        ],
        letters === undefined ? "real" : "own",
        choose,
      ),
      this.own,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      start(this.text.value);
    });
  }

  /** Show why a bag is invalid; null hides the message. */
  showError(reason) {
    this.problem.hidden = reason === null;
    setText(this.problem, reason ?? "");
  }
}
