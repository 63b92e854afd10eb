// A table of the sets of tosses and the share of each coin.

import { h, setText } from "../dom.js";
import { decimals } from "../format.js";

const COINS = ["A", "B"];

/** The sets with the share of each coin. */
export class Tosses {
  constructor(sets) {
    this.rows = sets.map((tosses, i) => this.#row(tosses, i + 1));
    const head = ["Set", "Tosses", "P(A)", "P(B)", "A heads", "A tails", "B heads", "B tails"];
    this.sums = head.slice(4).map(() => h("td", { class: "num" }));
    this.element = h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "E-step" },
      h(
        "table",
        { class: "e-step" },
        h("caption", { class: "visually-hidden" }, "Sets of tosses and the share of each coin"),
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            ...head.map((title, i) =>
              h("th", { scope: "col", class: i > 1 ? "num" : null }, title),
            ),
          ),
        ),
        h("tbody", null, ...this.rows.map(({ element }) => element)),
        h("tfoot", null, h("tr", null, h("th", { scope: "row", colspan: 4 }, "Sum"), ...this.sums)),
      ),
    );
  }

  #row(tosses, set) {
    const coins = [...tosses].map((toss) => h("i", { class: "toss" }, toss));
    const cells = Array.from({ length: 6 }, () => h("td", { class: "num" }));
    const element = h(
      "tr",
      null,
      h("th", { scope: "row" }, String(set)),
      h("td", null, h("span", { class: "tosses", role: "img", "aria-label": tosses }, ...coins)),
      ...cells,
    );
    return { set, coins, cells, element };
  }

  update(rows, sums, step, noted) {
    for (const { set, coins, cells, element } of this.rows) {
      const row = rows.get(set);
      element.classList.toggle("now", step?.event === "row" && step.set === set);
      const texts = row
        ? [row.A.responsibility, row.B.responsibility]
            .map((share) => decimals(share, 2))
            .concat(
              COINS.flatMap((coin) => [decimals(row[coin].heads, 1), decimals(row[coin].tails, 1)]),
            )
        : noted
          ? [noted[set - 1] === "A" ? "A" : "", noted[set - 1] === "B" ? "B" : "", "", "", "", ""]
          : ["", "", "", "", "", ""];
      texts.forEach((text, i) => setText(cells[i], text));
      // The share of coloured tosses is coin A's share; the table also gives it as text.
      const share = row ? Math.round(row.A.responsibility * coins.length) : null;
      coins.forEach((coin, i) => {
        coin.className = share === null ? "toss" : i < share ? "toss for-A" : "toss for-B";
      });
    }
    const texts = COINS.flatMap((coin) =>
      sums ? [decimals(sums[coin].heads, 1), decimals(sums[coin].tails, 1)] : ["", ""],
    );
    texts.forEach((text, i) => setText(this.sums[i], text));
  }
}
