// A panel of a comparison, with the downloads of its chart.

import { h } from "../../dom.js";
import { downloads } from "../../exports.js";

/**
 * @param {Array} head the elements of the header
 * @param {...Element} children
 */
export const panel = (head, ...children) =>
  h("section", { class: "panel" }, h("header", null, ...head), ...children);

/** The downloads of a chart: `name` without the belief, and functions for its element and rows. */
export const downloaded = (keys, name, element, rows) =>
  downloads(`${keys.belief.name} ${name}`, { element, rows });
