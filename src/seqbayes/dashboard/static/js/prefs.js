// Preferences stored in the browser (theme, pinned keys) and in the tab (keys to compare). Without
// storage they are lost.

const storage = { here: () => sessionStorage, everywhere: () => localStorage };

export function read(name, fallback, where = "everywhere") {
  try {
    return JSON.parse(storage[where]().getItem(`seqbayes.${name}`)) ?? fallback;
  } catch {
    return fallback; // storage is disabled or contains invalid data
  }
}

export function write(name, value, where = "everywhere") {
  try {
    storage[where]().setItem(`seqbayes.${name}`, JSON.stringify(value));
  } catch {
    // Storage is disabled or full: the value is kept until the page is closed.
  }
}

const MAX_PINS = 48;
let pins = read("pins", []);
if (!Array.isArray(pins)) pins = [];
pins = pins.filter((pin) => typeof pin?.belief === "string" && typeof pin?.id === "string");

export const pinned = () => pins;

export const isPinned = (belief, id) => pins.some((pin) => pin.belief === belief && pin.id === id);

export function togglePin(belief, id) {
  const rest = pins.filter((pin) => pin.belief !== belief || pin.id !== id);
  const added = rest.length === pins.length;
  pins = added ? [...rest, { belief, id }].slice(-MAX_PINS) : rest;
  write("pins", pins);
  dispatchEvent(new CustomEvent("pins", { detail: { belief, id, pinned: added } }));
  return added;
}

const dark = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  const chosen = read("theme", null);
  return chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
}

export function applyTheme(forced) {
  const now = forced ?? theme();
  document.documentElement.dataset.theme = now;
  dispatchEvent(new CustomEvent("theme", { detail: now }));
}

export function toggleTheme() {
  write("theme", theme() === "dark" ? "light" : "dark");
  applyTheme();
}

dark.addEventListener("change", () => applyTheme());

export const prefersReducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
