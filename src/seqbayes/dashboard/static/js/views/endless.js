// Online EM on sets of tosses that never end.

import { Lines } from "../charts/lines.js";
import { button, h, icon, setText } from "../dom.js";
import { count, decimals } from "../format.js";
import { paint } from "../paint.js";

const KEPT = 2000;
const COINS = ["A", "B"];

export class Endless {
  constructor() {
    this.chart = new Lines({
      series: COINS.map((coin) => ({ name: `Coin ${coin}`, style: `of-${coin}` })),
      written: (theta) => decimals(theta, 1),
      log: true,
      label: "Chances of heads by the number of sets",
      height: 230,
    });
    this.toggle = button("Start the stream", {
      kind: "primary endless",
      onclick: () => this.#press(),
    });
    this.says = h(
      "p",
      { class: "soft" },
      "Sets of ten tosses, each with a coin picked at random; every set is learned once and forgotten.",
    );
    this.last = h("p", { class: "latest" });
    this.element = h(
      "section",
      { class: "panel endless-panel" },
      h("header", null, h("h2", null, "Online EM on an endless stream"), this.toggle),
      this.says,
      this.chart.element,
      this.last,
    );
    this.#clear();
  }

  /** Take another story; its stream waits for the button. */
  load(id) {
    this.#close();
    this.id = id;
    this.#clear();
    this.#face("play", "Start the stream");
  }

  #clear() {
    this.numbers = [];
    this.thetas = { A: [], B: [] };
    setText(this.last, "");
    this.#draw();
  }

  #press() {
    if (this.source) {
      this.#close();
      this.#face("play", "Start anew");
      return;
    }
    this.#clear();
    this.source = new EventSource(`/api/replay/${encodeURIComponent(this.id)}/stream`);
    this.source.addEventListener("replay", (event) => this.#take(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      this.#close();
      this.#face("play", "Start anew");
      setText(this.last, "The stream broke off.");
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
    if (this.numbers.length > KEPT) {
      // Every other of the older ones goes: on a logarithmic axis none is missed.
      const kept = this.numbers.map((_, i) => i).filter((i) => i % 2 || i > KEPT / 2);
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
    const share = set.responsibility.A;
    this.last.replaceChildren(
      `Set ${count(set.number)}: `,
      h("span", { class: "mono" }, set.tosses),
      `, coin A says EM with ${decimals(share, 2)}; it was ${set.coin}. `,
      h("b", { class: "coin-A" }, `A ${decimals(set.thetas.A, 3)}`),
      " ",
      h("b", { class: "coin-B" }, `B ${decimals(set.thetas.B, 3)}`),
    );
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
