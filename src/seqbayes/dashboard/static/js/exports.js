// Downloads a chart as an image, and its numbers as CSV.

import { button, h } from "./dom.js";
import { placeAt } from "./popover.js";

const OMITTED = ".gloss-mark, .corner, [popover], [hidden]";
const SCALE = 2; // pixels of the image per pixel of the page
const MARGIN = 12;
const FONT = "/static/fonts/inter.woff2";
const STYLES = [
  "align-items", "background-color", "border-bottom", "border-left", "border-radius", "border-right", "border-top",
  "bottom", "box-sizing", "color", "column-gap", "display", "dominant-baseline", "fill", "fill-opacity", "flex", "flex-direction",
  "font-family", "font-feature-settings", "font-size", "font-variant-numeric", "font-weight", "grid-area", "grid-column", "grid-template-areas",
  "grid-template-columns", "height", "justify-content", "left", "letter-spacing", "line-height", "margin", "min-width",
  "opacity", "overflow", "padding", "paint-order", "position", "right", "row-gap", "stroke", "stroke-dasharray",
  "stroke-linejoin", "stroke-opacity", "stroke-width", "text-align", "text-anchor", "text-overflow", "top", "transform",
  "visibility", "white-space", "width",
]; // prettier-ignore

/** Rows of cells as CSV (RFC 4180); cells are escaped so that spreadsheets do not treat them as formulas. */
export function csv(rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function save(name, blob) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

// A copy that is independent of the page's style sheets and canvases.
function copied(element) {
  if (element instanceof HTMLCanvasElement) {
    const { width, height } = element.getBoundingClientRect();
    const image = h("img", { src: element.toDataURL(), width, height });
    image.style.cssText = styled(element);
    return image;
  }
  const copy = element.cloneNode(false);
  copy.removeAttribute("class");
  copy.style.cssText = styled(element);
  for (const child of element.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.textContent);
    else if (child.nodeType === Node.ELEMENT_NODE && !child.matches(OMITTED))
      copy.append(copied(child));
  }
  return copy;
}

function styled(element) {
  const computed = getComputedStyle(element);
  return STYLES.map((name) => `${name}:${computed.getPropertyValue(name)}`).join(";");
}

let face = null;

/** The typeface of the page as a style sheet: an image cannot load it. */
async function typeface() {
  const answer = await fetch(FONT);
  if (!answer.ok) return ""; // the image uses a font of the system
  const reader = new FileReader();
  const read = new Promise((resolve) => reader.addEventListener("load", () => resolve(reader.result)));
  reader.readAsDataURL(await answer.blob());
  return `@font-face{font-family:Inter;font-weight:100 900;src:url(${await read})}`;
}

/** A PNG image of an element. */
export async function png(element) {
  const { width, height } = element.getBoundingClientRect();
  const [w, tall] = [width + 2 * MARGIN, height + 2 * MARGIN];
  const body = copied(element);
  Object.assign(body.style, { margin: `${MARGIN}px`, position: "static", transform: "none" });
  const content = new XMLSerializer().serializeToString(body);
  const text =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${tall}">` +
    `<style>${await (face ??= typeface())}</style>` +
    `<foreignObject width="100%" height="100%">${content}</foreignObject></svg>`;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = h("canvas", { width: Math.ceil(SCALE * w), height: Math.ceil(SCALE * tall) });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.body).getPropertyValue("--surface") || "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/**
 * Buttons that download a chart.
 *
 * @param {string} name of the files, without suffix
 * @param {object} options
 * @param {Function} options.element returns the element to draw
 * @param {Function} options.rows returns the numbers as rows, with a header row
 */
export function downloads(name, { element, rows }) {
  const file = fileOf(name);
  return h(
    "span",
    { class: "downloads", role: "group", "aria-label": `Download ${name}` },
    button("PNG", { kind: "quiet", onclick: () => savePng(file, element()) }),
    button("CSV", { kind: "quiet", onclick: () => saveCsv(file, rows()) }),
  );
}

const fileOf = (name) => name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");

const savePng = async (file, element) => save(`${file}.png`, await png(element));

const saveCsv = (file, rows) => save(`${file}.csv`, new Blob([csv(rows)], { type: "text/csv" }));

let menu = null;

/**
 * Open a menu of downloads at a button.
 *
 * @param {Element} anchor the button
 * @param {string} name of the files, without suffix
 * @param {object} options
 * @param {Element} options.element to draw
 * @param {Object<string, Function>} options.tables functions that return rows, keyed by name
 */
export function openDownloads(anchor, name, { element, tables }) {
  menu?.remove();
  const item = (text, act) =>
    button(text, {
      kind: "quiet",
      onclick: () => {
        menu.hidePopover();
        act();
      },
    });
  const file = fileOf(name);
  const items = Object.entries(tables).map(([what, rows]) =>
    item(`${what} (CSV)`, () => saveCsv(`${file}-${fileOf(what.toLowerCase())}`, rows())),
  );
  const label = `Download ${name}`;
  menu = h(
    "div",
    { class: "save-menu", popover: "auto", role: "group", "aria-label": label },
    item("Image (PNG)", () => savePng(file, element)),
    ...items,
  );
  document.body.append(menu);
  menu.showPopover();
  placeAt(menu, anchor);
  menu.querySelector("button").focus();
}
