// Comparisons as bars and whiskers: which key is best, and by how much.

import { h } from "../dom.js";
import { exists, probability } from "../format.js";
import { percent, place } from "./bars.js";

/**
 * Probabilities of being the best, in descending order.
 *
 * @param {{id: string, p: number}[]} rows
 * @param {Function} index returns the index of a key among the compared keys
 * @param {Function} named makes an element with the name of a key
 */
export function bests(rows, index, named) {
  return h(
    "ul",
    { class: "shares chances bests" },
    ...rows.map(({ id, p }) => {
      const bar = h("span", { class: `bar series-${(index(id) % 6) + 1}` });
      bar.style.width = percent(p);
      return h(
        "li",
        null,
        h("span", { class: "label" }, named(id)),
        h("span", { class: "track", "aria-hidden": "true" }, bar),
        h("span", { class: "value" }, probability(p)),
      );
    }),
  );
}

/** Differences between pairs, with intervals, on one axis; ratios for logarithms. */
export function forest(pairs, named, written) {
  const ends = pairs.flatMap(({ interval }) => interval);
  const low = Math.min(0, ...ends);
  const width = Math.max(0, ...ends) - low || 1;
  return h(
    "ul",
    { class: "forest" },
    ...pairs.map((pair) => row(pair, named, written, low, width)),
  );
}

function row({ pair, mean, interval }, named, written, low, width) {
  const at = (x) => percent((x - low) / width);
  const parts = {
    zero: h("span", { class: "zero" }),
    whisker: h("span", { class: "whisker" }),
    tick: exists(mean) ? h("span", { class: "tick" }) : null,
  };
  place(parts.zero, { left: at(0) });
  place(parts.whisker, {
    left: at(interval[0]),
    width: percent((interval[1] - interval[0]) / width),
  });
  if (parts.tick) place(parts.tick, { left: at(mean) });
  const sure = interval[0] > 0 || interval[1] < 0;
  const range = `${written.bare(interval[0])} to ${written.bare(interval[1])}${written.share ? " points" : ""}`;
  return h(
    "li",
    { class: sure ? "sure" : null },
    h("span", { class: "pair" }, named(pair[0]), h("span", null, written.log ? " ÷ " : " − "), named(pair[1])),
    h("b", { class: "lead" }, `${mean > 0 && !written.log ? "+" : ""}${written.bare(mean)}`),
    h("span", { class: "track", "aria-hidden": "true" }, ...Object.values(parts).filter(Boolean)),
    h(
      "span",
      { class: "value muted" },
      range,
      h("span", { class: "visually-hidden" }, `${sure ? ", excludes" : ", includes"} ${written.log ? 1 : 0}`),
    ),
  );
}

/**
 * Estimates of keys with their intervals on one axis, in descending order of quality.
 *
 * @param {{key: string, mean: number|null, median: number, interval: number[]}[]} arms
 * @param {object} options
 * @param {Function} options.named makes an element with the name of a key
 * @param {object} options.written the format of the numbers
 * @param {boolean} options.lowest whether the lowest number is best
 * @param {number|null} options.threshold the threshold, on the scale of the numbers
 * @param {number[]|null} options.band a range of equivalent values
 */
export function estimates(arms, { named, written, lowest, threshold, band }) {
  const ranked = [...arms].sort((a, b) =>
    lowest ? a.interval[1] - b.interval[1] : b.interval[0] - a.interval[0],
  );
  const ends = [...arms.flatMap(({ interval }) => interval), ...(band ?? [])];
  if (threshold !== null) ends.push(threshold);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const margin = (most - least) * 0.03 || 1;
  const low = least - margin;
  const width = most - least + 2 * margin;
  const at = (x) => percent((x - low) / width);
  const spanning = (element, [from, to]) => {
    place(element, { left: at(from), width: percent((to - from) / width) });
    return element;
  };
  const marked = (name, x) => {
    const element = h("span", { class: name });
    place(element, { left: at(x) });
    return element;
  };
  return h(
    "ul",
    { class: "forest estimates" },
    ...ranked.map(({ key, mean, median, interval }) =>
      h(
        "li",
        null,
        h("span", { class: "pair" }, named(key)),
        h("b", { class: "lead" }, written.text(mean ?? median)),
        h(
          "span",
          { class: "track", "aria-hidden": "true" },
          band ? spanning(h("span", { class: "band" }), band) : null,
          threshold === null ? null : marked("limit", threshold),
          spanning(h("span", { class: "whisker" }), interval),
          marked("tick", mean ?? median),
        ),
        h("span", { class: "value muted" }, written.range(interval)),
      ),
    ),
  );
}
