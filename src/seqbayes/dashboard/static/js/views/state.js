// States of a page without content: loading, empty, failed.

import { h, svg } from "../dom.js";

function art(...paths) {
  return svg(
    "svg",
    { class: "art", viewBox: "0 0 132 66", "aria-hidden": "true" },
    ...paths.map(([d, name]) => svg("path", { d, class: name })),
    svg("path", { d: "M4 58H128", class: "d-base" }),
  );
}

const BELL = "M10 57C38 57 44 10 66 10S94 57 122 57";

export function empty(title, ...children) {
  return h("div", { class: "blank" }, art([BELL, "d-prior"]), h("h2", null, title), ...children);
}

const retries = new WeakMap();

/** Retry everything that failed within an element. */
export function again(within) {
  for (const failed of within.querySelectorAll(".blank[role=alert]")) retries.get(failed)?.();
}

/**
 * @param {Error} error
 * @param {Function} [retry] called to retry
 */
export function failure(error, retry) {
  const element = h(
    "div",
    { class: "blank", role: "alert" },
    art(
      ["M10 57C38 57 44 10 60 10", "d-likelihood"],
      ["M74 14C90 22 96 57 122 57", "d-likelihood"],
    ),
    h("h2", null, error.status === 404 ? "Not found" : "This could not be loaded"),
    h("p", null, error.message),
    h(
      "div",
      { class: "actions" },
      retry &&
        h("button", { type: "button", class: "button primary", onclick: retry }, "Try again"),
      h("a", { class: "button", href: "/" }, "All beliefs"),
    ),
  );
  retries.set(element, retry);
  return element;
}

export function loading(what = "Loading") {
  return h(
    "div",
    { class: "blank loading", role: "status" },
    art([BELL, "d-base"]),
    h("p", null, `${what} …`),
  );
}
