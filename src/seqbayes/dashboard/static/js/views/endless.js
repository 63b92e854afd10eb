// Online EM on an endless stream of sets of tosses.

import { query } from "../api.js";
import { Lines } from "../charts/lines.js";
import { button, h, icon, setText } from "../dom.js";
import { downloads } from "../exports.js";
import { count, decimals, probability } from "../format.js";
import { paint } from "../paint.js";

const MAX_SETS = 2000;
const MAX_SKIPPED = 100_000; // maximum number of sets that the server skips
const COINS = ["A", "B"];

export class Endless {
  constructor() {
    this.chart = new Lines({
      series: COINS.map((coin) => ({ name: `Coin ${coin}`, style: `of-${coin}` })),
      written: (theta) => decimals(theta, 1),
      log: true,
      label: "Probabilities of heads against the number of sets",
      right: 84,
      height: 230,
    });
    this.toggle = button("Start the stream", {
      kind: "primary endless",
      onclick: () => this.#press(),
    });
    this.says = h(
      "p",
      { class: "soft" },
      "Sets of ten tosses, each with a coin picked at random; every set is learned once and discarded. Estimates change only after the first few sets, because two or three sets contain too little data.",
    );
    this.last = h("p", { class: "latest" });
    this.element = h(
      "section",
      { class: "panel endless-panel" },
      h("header", null, h("h2", null, "Online EM on an endless stream"), this.toggle),
      this.says,
      this.chart.element,
      this.last,
      downloads("coins online EM", { element: () => this.chart.element, rows: () => this.#rows() }),
    );
    this.#clear();
  }

  /** Load another story; its stream starts on demand. */
  load(id) {
    this.#close();
    this.id = id;
    this.#clear();
    this.#face("play", "Start the stream");
  }

  /** Scroll to the stream and start or continue it. */
  begin() {
    if (!this.source) this.#open();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "nearest" });
    this.toggle.focus({ preventScroll: true });
  }

  #clear() {
    this.set = null;
    this.numbers = [];
    this.thetas = { A: [], B: [] };
    setText(this.last, "");
    this.#draw();
  }

  #press() {
    if (this.source) this.#pause();
    else this.#open();
  }

  #pause() {
    this.#close();
    this.#face("play", "Continue");
  }

  #open() {
    if (this.set?.number > MAX_SKIPPED) this.#clear();
    // The stream is deterministic, so it can continue after the sets already shown.
    const after = this.set?.number ?? 0;
    const path = `/api/replay/${encodeURIComponent(this.id)}/stream${query({ after })}`;
    this.source = new EventSource(path);
    this.source.addEventListener("replay", (event) => this.#take(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      this.#pause();
      setText(this.last, "The stream was interrupted.");
    });
    this.#face("pause", "Stop the stream");
  }

  #face(sign, text) {
    this.toggle.replaceChildren(icon(sign), text);
  }

  #take(set) {
    this.set = set;
    this.numbers.push(set.number);
    for (const coin of COINS) this.thetas[coin].push(set.thetas[coin]);
    if (this.numbers.length > MAX_SETS) {
      // Remove every second older point; the difference is not visible on a logarithmic axis.
      const kept = this.numbers.map((_, i) => i).filter((i) => i % 2 || i > MAX_SETS / 2);
      this.numbers = kept.map((i) => this.numbers[i]);
      for (const coin of COINS) this.thetas[coin] = kept.map((i) => this.thetas[coin][i]);
    }
    paint(this, () => this.#draw());
  }

  #draw() {
    const { set } = this;
    const levels = set?.truth
      ? COINS.map((coin) => ({
          y: set.truth[coin],
          name: `truth ${decimals(set.truth[coin], 2)}`,
          style: `of-${coin}`,
        }))
      : [];
    const last = this.numbers.at(-1) ?? 10;
    const ceiling = Math.max(100, 10 ** Math.ceil(Math.log10(last)));
    this.chart.update(
      this.numbers,
      COINS.map((coin) => this.thetas[coin]),
      [0.2, 1],
      levels,
      ceiling,
    );
    if (!set || !this.numbers.length) return;
    const share = probability(set.responsibility.A);
    const early =
      set.number < set.burn_in ? `${count(set.burn_in)} sets are collected first. ` : "";
    this.last.replaceChildren(
      `Set ${count(set.number)}, `,
      h("span", { class: "mono" }, set.tosses),
      `: coin A with a probability of ${share}; it was ${set.coin}. ${early}`,
      h("b", { class: "coin-A" }, `A ${decimals(set.thetas.A, 3)}`),
      " ",
      h("b", { class: "coin-B" }, `B ${decimals(set.thetas.B, 3)}`),
    );
  }

  #rows() {
    const rows = this.numbers.map((number, i) => [number, ...COINS.map((coin) => this.thetas[coin][i])]);
    return [["sets", "A", "B"], ...rows];
  }

  #close() {
    this.source?.close();
    this.source = null;
  }

  close() {
    this.#close();
    this.chart.close();
  }
}
