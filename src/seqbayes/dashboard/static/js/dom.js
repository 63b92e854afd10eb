// Creates elements without markup: text becomes text nodes, and styles are set through the CSSOM.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("aria-")) element.setAttribute(name, String(value));
    else if (value === false) continue;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (name === "vars") {
      for (const [variable, text] of Object.entries(value)) {
        element.style.setProperty(variable, text);
      }
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

const ICONS = {
  alert: ["M8 2.2 14.4 13.4H1.6z", "M8 6.4v3.2M8 11.5v.1"],
  back: ["M9.5 3.5 5 8l4.5 4.5"],
  check: ["M3 8.5 6.4 12 13 4.5"],
  close: ["M4 4l8 8M12 4l-8 8"],
  compare: ["M2 12.5c2.5 0 2.5-8 5-8s2.5 8 5 8", "M6.5 12.5c2 0 2-5.5 4-5.5s2 5.5 4 5.5"],
  down: ["M8 3v10M4 9l4 4 4-4"],
  moon: ["M13 9.6A5.6 5.6 0 0 1 6.4 3a5.4 5.4 0 1 0 6.6 6.600z"],
  pause: ["M5.5 3.500v9M10.5 3.500v9"],
  play: ["M5 3.200v9.600L12.5 8z"],
  reset: ["M3 8a5 5 0 1 0 1.6-3.7", "M4.4 1.800v2.700h2.7"],
  search: ["M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9z", "M10.4 10.4 14 14"],
  star: ["M8 1.900l1.9 3.9 4.2.6-3.05 3 .72 4.200L8 11.600l-3.77 2 .72-4.2-3.05-3 4.2-.6z"],
  step: ["M4 3.200v9.600L10.5 8z", "M12.5 3.500v9"],
  sun: [
    "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
    "M8 1v1.400M8 13.600V15M1 8h1.400M13.6 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  ],
  up: ["M8 13V3M4 7l4-4 4 4"],
};

export function icon(name) {
  const paths = ICONS[name].map((d) => svg("path", { d }));
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, ...paths);
}

export function button(label, { icon: sign, iconOnly = false, kind = "", ...properties } = {}) {
  const name = `button ${kind}${iconOnly ? " icon-only" : ""}`.trim();
  return h(
    "button",
    {
      type: "button",
      class: name,
      ...(iconOnly && { "aria-label": label, title: label }),
      ...properties,
    },
    sign && icon(sign),
    iconOnly ? null : label,
  );
}

export function segments(label, options, chosen, choose) {
  const buttons = options.map(([value, text]) =>
    h("button", { type: "button", "aria-pressed": value === chosen, "data-value": value }, text),
  );
  const group = h("div", { class: "segments", role: "group", "aria-label": label }, ...buttons);
  group.select = (value) => {
    for (const one of buttons) one.setAttribute("aria-pressed", one.dataset.value === value);
  };
  group.addEventListener("click", (event) => {
    const value = event.target.closest("button")?.dataset.value;
    if (value === undefined) return;
    group.select(value);
    choose(value);
  });
  return group;
}

export function table(caption, columns, rows, properties = {}) {
  const head = columns.map(([title, kind]) => h("th", { scope: "col", class: kind }, title));
  return h(
    "div",
    // A table that scrolls horizontally can be focused.
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      properties,
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", null, h("tr", null, ...head)),
      h("tbody", null, ...rows.map((cells) => row(columns, cells))),
    ),
  );
}

function row(columns, cells) {
  return h(
    "tr",
    null,
    ...cells.map((cell, i) => {
      const [tag, scope] = i === 0 ? ["th", "row"] : ["td", null];
      return h(tag, { scope, class: columns[i][1] }, cell);
    }),
  );
}

const sheets = new Map();

/** Load a style sheet once, and wait for it. */
export function sheet(href) {
  if (!sheets.has(href)) {
    const link = h("link", { rel: "stylesheet", href });
    const loaded = new Promise((resolve) => {
      link.addEventListener("load", resolve);
      link.addEventListener("error", resolve); // unstyled is better than nothing
    });
    document.head.append(link);
    sheets.set(href, loaded);
  }
  return sheets.get(href);
}

/** The ratio of the text size to the default. */
export const unit = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
