// Search, sort order and filters of the overview.

import { button, h, icon, segments } from "../dom.js";
import { levelChoice } from "../level.js";

const TYPING = 180; // ms without a keystroke before a search starts

export const SORTS = [
  ["n", "Events"],
  ["updated", "Last event"],
  ["rate", "Rate"],
  ["mean", "Mean"],
  ["low", "Lower bound"],
  ["width", "Interval width"],
  ["key", "Name"],
];

/** The default order: numbers descending, names ascending. */
export const usual = (sort) => (sort === "key" ? "asc" : "desc");

/** The name of an order. */
export function inWords(sort, order) {
  if (sort === "key") return order === "asc" ? "A to Z" : "Z to A";
  if (sort === "updated") return order === "desc" ? "Newest first" : "Oldest first";
  return order === "desc" ? "Largest first" : "Smallest first";
}

/**
 * @param {object} options
 * @param {string[]} options.beliefs names
 * @param {string|null} options.only the belief shown alone
 * @param {{sort: string, search: string}} options.request
 * @param {boolean} options.pinned whether only pinned keys are shown
 * @param {Function} options.ask called with the current query
 * @param {Function} options.turn called to reverse the order
 * @param {Function} options.choose called with the name of a belief, "" for all
 * @param {Function} options.pin called with whether only pinned keys are shown
 * @param {string} options.level the level of intervals
 * @param {Function} options.select called with another level
 */
export function toolbar({ beliefs, only, request, pinned, level, ask, turn: reverse, choose, pin, select }) {
  let typing = null;
  const field = h("input", {
    type: "search",
    placeholder: "Search keys",
    "aria-label": "Search keys",
    "aria-keyshortcuts": "/",
    autocomplete: "off",
    spellcheck: "false",
    value: request.search,
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(() => ask({ search: field.value.trim() }), TYPING);
    },
  });
  const sort = h(
    "select",
    {
      "aria-label": "Sort by",
      onchange: () => ask({ sort: sort.value, order: usual(sort.value) }),
    },
    ...SORTS.map(([value, text]) => h("option", { value }, text)),
  );
  sort.value = request.sort;
  const turn = h("button", { type: "button", class: "button icon-only", onclick: reverse });
  const pins = button("Pinned", {
    icon: "star",
    "aria-pressed": pinned,
    onclick: () => {
      const now = pins.getAttribute("aria-pressed") !== "true";
      pins.setAttribute("aria-pressed", now);
      pin(now);
    },
  });
  const choices = [["", "All"], ...beliefs.map((name) => [name, name])];
  const filter = beliefs.length > 1 ? segments("Belief", choices, only ?? "", choose) : null;
  const element = h(
    "div",
    { class: "toolbar", role: "search" },
    h("div", { class: "scroll filter", tabindex: -1 }, filter),
    h(
      "div",
      { class: "controls" },
      h("label", { class: "field" }, icon("search"), field),
      h("label", { class: "select" }, sort),
      turn,
      levelChoice(level, select),
      pins,
    ),
  );
  return { element, field, turn, filter };
}
