// Comparisons as bars and whiskers: which key is best, and by how much.

import { h } from "../dom.js";
import { probability } from "../format.js";
import { percent, place } from "./bars.js";
import { letter } from "./overlay.js";

/** Probabilities to be best, the likeliest first. */
export function bests(rows, index) {
  return h(
    "ul",
    { class: "shares chances bests" },
    ...rows.map(({ id, name, p }) => {
      const bar = h("span", { class: `bar series-${(index(id) % 6) + 1}` });
      bar.style.width = percent(p);
      return h(
        "li",
        null,
        h(
          "span",
          { class: "label", title: name },
          `${letter(index(id))} · `,
          h("bdi", null, name),
        ),
        h("span", { class: "track", "aria-hidden": "true" }, bar),
        h("span", { class: "value" }, probability(p)),
      );
    }),
  );
}

/** Differences of pairs with their intervals, on one axis; of logarithms they are ratios. */
export function forest(pairs, ids, written) {
  const ends = pairs.flatMap(({ interval }) => interval);
  const low = Math.min(0, ...ends);
  const width = Math.max(0, ...ends) - low || 1;
  const at = (x) => percent((x - low) / width);
  return h(
    "ul",
    { class: "forest" },
    ...pairs.map(({ pair, mean, interval }) => {
      const parts = {
        zero: h("span", { class: "zero" }),
        whisker: h("span", { class: "whisker" }),
        tick: h("span", { class: "tick" }),
      };
      place(parts.zero, { left: at(0) });
      place(parts.whisker, {
        left: at(interval[0]),
        width: percent((interval[1] - interval[0]) / width),
      });
      place(parts.tick, { left: at(mean) });
      const sure = interval[0] > 0 || interval[1] < 0;
      const names = pair.map((id) => letter(ids.indexOf(id)));
      const said = `${written.bare(interval[0])} to ${written.bare(interval[1])}${written.share ? " points" : ""}`;
      return h(
        "li",
        { class: sure ? "sure" : null },
        h(
          "span",
          null,
          `${names[0]} ${written.log ? "÷" : "−"} ${names[1]}`,
          h("b", null, `  ${mean > 0 && !written.log ? "+" : ""}${written.bare(mean)}`),
        ),
        h("span", { class: "track", "aria-hidden": "true" }, ...Object.values(parts)),
        h(
          "span",
          { class: "value muted" },
          said,
          h("span", { class: "unseen" }, `${sure ? ", away from" : ", includes"} ${written.log ? 1 : 0}`),
        ),
      );
    }),
  );
}
