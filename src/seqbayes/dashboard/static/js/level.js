// The level of intervals: the level in the URL, or the level selected on another page of this tab.

import { h } from "./dom.js";
import { percent } from "./format.js";
import { read, write } from "./prefs.js";

const DEFAULT_LEVEL = "0.95";
export const LEVELS = ["0.5", "0.8", "0.9", DEFAULT_LEVEL, "0.99"].map((level) => [level, percent(level)]);

// As in the API.
const isLevel = (text) => /^0?\.[0-9]{1,6}$/.test(text) && text >= 0.5 && text <= 0.999;

/** The level of a page with these parameters. */
export function levelOf(search) {
  const given = search.get("level");
  if (given === null) return read("level", DEFAULT_LEVEL, "here");
  return isLevel(given) ? String(Number(given)) : DEFAULT_LEVEL;
}

/** The URL parameter for a level, omitted for the default level. */
export const parameter = (level) => (level === DEFAULT_LEVEL ? null : level);

/** Keep a level for other pages of this tab. */
export const keepLevel = (level) => write("level", level, "here");

/** A control for the level; `choose` is called with the selected one. */
export function levelChoice(level, choose) {
  const known = LEVELS.some(([one]) => one === level);
  const options = known ? LEVELS : [...LEVELS, [level, percent(level)]].sort();
  const select = h(
    "select",
    {
      "aria-label": "Level of intervals",
      onchange: () => {
        keepLevel(select.value);
        choose(select.value);
      },
    },
    ...options.map(([value, text]) => h("option", { value }, `${text} intervals`)),
  );
  select.value = level;
  return h("label", { class: "select" }, select);
}
