// The frame of a page: its state in the address, the steps, panels, and the theme.

import { button, h, icon, setText } from "../../../dashboard/static/js/dom.js";
import { count } from "../../../dashboard/static/js/format.js";

/** The data with which the page was written. */
export const readData = () => JSON.parse(document.getElementById("data").textContent);

/** The values after # in the address, such as step=3. */
export const readAddress = () => new URLSearchParams(location.hash.slice(1));

/** Show values in the address, without adding to the history. */
export function writeAddress(values) {
  const known = Object.entries(values).filter(([, value]) => value !== null);
  const text = `#${new URLSearchParams(known)}`;
  if (text !== location.hash) history.replaceState(null, "", text);
  return text;
}

/** Call a function when the user follows a link to another step. */
export const onAddress = (act) => addEventListener("hashchange", act);

export function panel(title, sentence, ...children) {
  return h(
    "section",
    { class: "panel" },
    h("header", null, h("h2", null, title)),
    sentence && h("p", { class: "sentence" }, sentence),
    ...children,
  );
}

/** A slider with its name and value. */
export function slider({ id, name, min, max, step, value, text, act }) {
  const output = h("output", { for: id });
  const input = h("input", { type: "range", id, min, max, step, value: String(value) });
  const show = () => {
    setText(output, text(Number(input.value)));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    show();
    act(Number(input.value));
  });
  const element = h("label", { for: id, class: "drag" }, h("span", null, name), input, output);
  const set = (next) => {
    input.value = String(next);
    show();
  };
  show();
  return { element, input, set, get: () => Number(input.value) };
}

/** Back, forward, play, and a link to the current step. */
export class Steps {
  /**
   * @param {object} options
   * @param {string} options.unit the name of a step
   * @param {number} options.total the number of the last step
   * @param {Function} options.change called with the number of the step
   * @param {Function} options.pace steps per second at a step
   */
  constructor({ unit, total, change, pace = () => 1 }) {
    Object.assign(this, { unit, total, change, pace, step: 0, timer: null });
    this.back = button("Back", { icon: "back", onclick: () => this.go(this.step - 1) });
    this.forward = button("Forward", {
      kind: "primary",
      icon: "step",
      onclick: () => this.go(this.step + 1),
    });
    this.playing = button("Play", { "aria-pressed": "false", onclick: () => this.toggle() });
    this.range = h("input", { type: "range", min: 0, max: total, step: 1, "aria-label": unit });
    this.range.addEventListener("input", () => this.go(Number(this.range.value)));
    this.where = h("output", { class: "where" });
    this.link = h("a", { class: "step-link" }, "Link to this step");
    this.element = h(
      "nav",
      { class: "steps", "aria-label": "Steps" },
      this.back,
      this.forward,
      this.playing,
      this.range,
      this.where,
      this.link,
    );
    addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [role=region]")) return;
    const moves = {
      ArrowRight: this.step + 1,
      ArrowLeft: this.step - 1,
      Home: 0,
      End: this.total,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.go(moves[event.key]);
  }

  /** Change the number of steps. */
  resize(total) {
    this.total = total;
    this.range.max = String(total);
  }

  /** Show a step; a number outside the range selects the nearest step. */
  go(step, playing = false) {
    if (!playing) this.pause();
    this.step = Math.min(this.total, Math.max(0, Math.round(step) || 0));
    this.range.value = String(this.step);
    this.back.disabled = this.step === 0;
    this.forward.disabled = this.step === this.total;
    setText(this.where, `${this.unit} ${count(this.step)} of ${count(this.total)}`);
    this.range.setAttribute("aria-valuetext", this.where.textContent);
    this.change(this.step);
  }

  toggle() {
    if (this.timer !== null) return this.pause();
    if (this.step === this.total) this.go(0);
    this.playing.setAttribute("aria-pressed", "true");
    setText(this.playing, "Pause");
    return this.#tick();
  }

  // Fast steps are shown several at a time, because a page is painted at most 20 times a second.
  #tick() {
    const rate = this.pace(this.step);
    const jump = Math.max(1, Math.round(rate / 20));
    this.timer = setTimeout(
      () => {
        this.go(this.step + jump, true);
        if (this.step === this.total) this.pause();
        else this.#tick();
      },
      (1000 * jump) / rate,
    );
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.playing.setAttribute("aria-pressed", "false");
    setText(this.playing, "Play");
  }
}

function themeButton() {
  const page = document.documentElement;
  const sign = () => icon(page.dataset.theme === "dark" ? "sun" : "moon");
  const toggle = button("Dark or light", {
    iconOnly: true,
    onclick: () => {
      page.dataset.theme = page.dataset.theme === "dark" ? "light" : "dark";
      toggle.replaceChildren(sign());
    },
  });
  toggle.append(sign());
  return toggle;
}

/** Fill the page: title, introduction, and parts. */
export function mount(title, introduction, ...parts) {
  document.getElementById("top").append(themeButton());
  document
    .getElementById("main")
    .replaceChildren(
      h("h1", null, title),
      h("p", { class: "introduction" }, introduction),
      ...parts,
    );
}
