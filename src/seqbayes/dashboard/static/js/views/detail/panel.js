// A titled panel.

import { h } from "../../dom.js";

export const panel = (title, note, ...children) =>
  h("section", { class: "panel" }, h("header", null, h("h2", null, title), note), ...children);
