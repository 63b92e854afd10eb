// The beliefs about six colours, compared with the prior.

import { percent, place } from "../charts/bars.js";
import { h, setText } from "../dom.js";
import { count, probability, proportion } from "../format.js";

export const COLOURS = ["blue", "brown", "green", "orange", "red", "yellow"];

/** The upper end of an axis for these shares. */
export const axisEnd = (reach) => [0.3, 0.4, 0.5, 0.6, 0.8, 1].find((limit) => limit >= reach) ?? 1;

const bare = (share) => probability(share).replace(" %", "");

/** A mix as one bar in six colours. */
export function mixBar(shares) {
  if (!shares) return "–";
  const label = COLOURS.map((colour) => `${colour} ${probability(shares[colour], 0)}`).join(", ");
  const parts = COLOURS.map((colour) => {
    const part = h("i", { class: `c-${colour}` });
    part.style.flexGrow = String(shares[colour]);
    return part;
  });
  return h("span", { class: "mix", role: "img", "aria-label": label, title: label }, ...parts);
}

/** The definitions of the three estimates. */
export function definitions() {
  const terms = [
    ["MLE", "the shares under which the eaten candies are most probable. It does not use the prior."],
    ["MAP", "the most probable shares, given the candies and the prior."],
    ["mean", "the average share over the posterior, and the probability that the next candy has this colour."],
  ];
  return h(
    "dl",
    { class: "definitions" },
    ...terms.map(([name, text]) => h("div", null, h("dt", null, name), h("dd", null, text))),
  );
}

/** One row per colour: bar, interval, MLE, MAP, mean and prior mean. */
export class Belief {
  constructor(follow) {
    this.rows = new Map(COLOURS.map((colour) => [colour, this.#row(colour, follow)]));
    this.element = h(
      "ul",
      { class: "shares beliefs" },
      ...[...this.rows.values()].map(({ element }) => element),
    );
  }

  #row(colour, follow) {
    const parts = Object.fromEntries(
      ["bar", "whisker", "at-prior", "at-mle", "at-map", "tick"].map((name) => [
        name,
        h("span", { class: name }),
      ]),
    );
    const name = h(
      "button",
      {
        type: "button",
        class: "label",
        onclick: () => follow(colour),
        title: `Show ${colour} in the plot of estimates`,
      },
      h("span", { class: `candy c-${colour}`, "aria-hidden": "true" }),
      colour,
    );
    const value = h("span", { class: "value" });
    const range = h("span", { class: "muted range" });
    const element = h(
      "li",
      { class: `of-${colour}` },
      name,
      h("span", { class: "track", "aria-hidden": "true" }, ...Object.values(parts)),
      value,
      range,
    );
    return { ...parts, name, value, range, element };
  }

  update(belief, alpha, followed, eaten) {
    const whole = COLOURS.reduce((sum, colour) => sum + alpha[colour], 0);
    const reach = Math.max(
      ...COLOURS.map((colour) => Math.max(belief.interval[colour][1], belief.mle[colour] ?? 0)),
    );
    const widest = axisEnd(reach);
    const at = (x) => percent(Math.min(1, x / widest));
    for (const [colour, row] of this.rows) {
      const [low, high] = belief.interval[colour];
      place(row.bar, { width: at(belief.mean[colour]) });
      place(row.whisker, {
        left: at(low),
        width: percent((Math.min(high, widest) - low) / widest),
      });
      place(row["at-prior"], { left: at(alpha[colour] / whole) });
      for (const estimate of ["mle", "map"]) {
        const value = belief[estimate][colour];
        row[`at-${estimate}`].hidden = value === null;
        if (value !== null) place(row[`at-${estimate}`], { left: at(value) });
      }
      place(row.tick, { left: at(belief.mean[colour]) });
      setText(row.value, probability(belief.mean[colour]));
      setText(row.range, `${bare(low)} to ${bare(high)}`);
      row.name.setAttribute("aria-pressed", colour === followed);
      row.element.classList.toggle("eaten", colour === eaten);
    }
  }
}

/** The weight of the prior in the belief. */
export class Wash {
  constructor() {
    this.mine = h("span", { class: "imagined" });
    this.seen = h("span", { class: "real" });
    this.says = h("p", { class: "hint" });
    this.element = h(
      "div",
      { class: "wash" },
      h("div", { class: "wash-bar", "aria-hidden": "true" }, this.mine, this.seen),
      this.says,
    );
  }

  update(prior, eaten) {
    const strength = COLOURS.reduce((sum, colour) => sum + prior.alpha[colour], 0);
    const weight = strength / (strength + eaten);
    this.mine.style.width = percent(weight);
    const imagined = `${strength.toLocaleString("en")} imagined ${strength === 1 ? "candy" : "candies"}`;
    setText(
      this.says,
      `${prior.name}: ${imagined}, ${count(eaten)} real ${eaten === 1 ? "one" : "ones"}. The prior has a weight of ${proportion(weight)}.`,
    );
  }
}
