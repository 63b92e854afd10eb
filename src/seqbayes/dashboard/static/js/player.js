// Plays steps that are fetched in advance: play, pause, step, speed, reset.

import { get } from "./api.js";
import { button, h, icon, setText } from "./dom.js";
import { count } from "./format.js";

const CHUNK = 200;
const STEPS_AHEAD = 400;

export class Player {
  /**
   * @param {object} options
   * @param {Array<[string, string, number|Function]>} options.speeds value, text, steps per second
   * @param {string} options.speed the initial speed
   * @param {string} options.unit the name of a step
   * @param {Function} options.advance called with the steps of a frame and the index of the last
   * one
   * @param {Function} options.rewind called before the first step
   * @param {Function} options.failed called with an error
   * @param {{face: string, act: Function}} [options.onward] the action after the last step
   */
  constructor({ speeds, speed, unit, advance, rewind, failed, onward = null }) {
    Object.assign(this, { speeds, unit, advance, rewind, failed, onward });
    this.place = 0; // number of steps shown
    this.total = 0;
    this.steps = [];
    this.playing = false;
    this.#build(speed);
    this.#keys();
  }

  #build(speed) {
    this.toggle = button("Play", { kind: "primary play", onclick: () => this.#press() });
    this.one = button("Step", { kind: "one", icon: "step", title: "One step (→)", onclick: () => this.step() });
    const again = button("Reset", {
      icon: "reset",
      title: "From the start (r)",
      onclick: () => this.reset(),
    });
    this.speed = h(
      "select",
      { "aria-label": "Speed" },
      ...this.speeds.map(([value, text]) => h("option", { value }, text)),
    );
    this.speed.value = speed;
    this.speed.addEventListener("change", () => {
      this.debt = 0;
      if (this.playing) this.#schedule();
    });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.where = h("span", { class: "where" });
    this.element = h(
      "div",
      { class: "player", role: "group", "aria-label": "Replay" },
      this.toggle,
      this.one,
      again,
      h("label", { class: "select" }, this.speed),
      h("span", { class: "progress" }, this.bar, this.where),
    );
    this.#show();
  }

  #keys() {
    this.stop = new AbortController();
    const act = (event) => {
      const typing = event.target.closest("input, select, textarea, button, a, summary, dialog");
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key;
      if (key === " " && !typing) this.#press();
      else if (
        key === "ArrowRight" &&
        !event.target.closest("input, select, textarea, [role=region]")
      )
        this.step();
      else if (key === "r" && !event.target.closest("input, select, textarea")) this.reset();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", act, { signal: this.stop.signal });
  }

  /** Load another story. */
  load(id, total = 1) {
    this.abort?.abort();
    this.abort = new AbortController();
    this.id = id;
    this.total = total;
    this.steps = [];
    this.fetching = null;
    this.reset();
    this.#fetch();
  }

  get ended() {
    return this.total > 0 && this.place >= this.total;
  }

  #press() {
    if (this.playing) this.pause();
    else if (this.ended && this.onward) this.onward.act();
    else {
      if (this.ended) this.reset();
      this.play();
    }
  }

  play() {
    if (!this.total || this.playing) return;
    this.playing = true;
    this.debt = 1;
    this.last = performance.now();
    this.#show();
    this.#schedule();
  }

  pause() {
    this.playing = false;
    this.#unschedule();
    this.#show();
  }

  reset() {
    this.pause();
    this.place = 0;
    this.rewind();
    this.#show();
  }

  async step() {
    this.pause();
    if (this.ended) return;
    const { id } = this;
    while (this.steps.length <= this.place) {
      if (!(await this.#fetch()) || this.id !== id) return;
    }
    this.#take(1);
  }

  get rate() {
    const rate = this.speeds.find(([value]) => value === this.speed.value)[2];
    return typeof rate === "function" ? rate(this.place) : rate;
  }

  // Slow steps use a timer; fast ones are shown once per frame.
  #schedule() {
    this.#unschedule();
    const { rate } = this;
    if (rate < 30)
      this.timer = setTimeout(() => this.#tick(), Math.max(8, (1000 * (1 - this.debt)) / rate));
    else this.frame = requestAnimationFrame(() => this.#tick());
  }

  #unschedule() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }

  #tick() {
    const now = performance.now();
    const passed = Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    this.debt += passed * this.rate;
    if (this.rate < 30) this.debt = Math.max(this.debt, 1); // the timer has waited for it
    const due = Math.min(Math.floor(this.debt), this.steps.length - this.place);
    if (due > 0) {
      this.debt = Math.min(this.debt - due, 1);
      this.#take(due);
    }
    if (this.ended) this.pause();
    else if (this.playing) this.#schedule();
  }

  #take(due) {
    const taken = this.steps.slice(this.place, this.place + due);
    this.place += due;
    if (this.steps.length - this.place < STEPS_AHEAD) this.#fetch();
    this.advance(taken, this.place - 1);
    this.#show();
  }

  async #fetch() {
    if (this.steps.length >= this.total) return false;
    this.fetching ??= this.#ask();
    const came = await this.fetching;
    return came;
  }

  async #ask() {
    const { id } = this;
    const from = this.steps.length;
    try {
      const { steps, total } = await get(
        `/api/replay/${id}/steps?from=${from}&count=${CHUNK}`,
        this.abort.signal,
      );
      if (this.id !== id) return false;
      this.total = total;
      this.steps = [...this.steps, ...steps];
      this.#show();
      return steps.length > 0;
    } catch (error) {
      if (error.name !== "AbortError") {
        this.pause();
        this.failed(error);
      }
      return false;
    } finally {
      if (this.id === id) this.fetching = null;
    }
  }

  #show() {
    const last = this.onward?.face ?? "Again";
    const face = this.playing ? "Pause" : this.ended ? last : "Play";
    if (this.face !== face) {
      this.face = face;
      this.toggle.replaceChildren(
        icon(this.playing ? "pause" : face === "Again" ? "reset" : "play"),
        face,
      );
      this.toggle.title = `${face} (space)`;
    }
    this.one.disabled = this.ended;
    this.element?.classList.toggle("over", this.ended && this.onward !== null);
    this.bar.max = Math.max(1, this.total);
    this.bar.value = this.place;
    setText(this.where, `${count(this.place)} of ${count(this.total)} ${this.unit}`);
  }

  close() {
    this.pause();
    this.stop.abort();
    this.abort?.abort();
  }
}
