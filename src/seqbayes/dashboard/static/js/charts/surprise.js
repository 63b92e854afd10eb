// The surprise of recent events, and which of them are rare.

import { h } from "../dom.js";
import { exists, number } from "../format.js";
import { nothing, recent, NO_EVENTS } from "../views/tables.js";

const RARE = Math.log(20); // nats above the average: 20 times less probable
const HEADROOM = 1.06;

/**
 * The mean surprise, and the threshold above which an event is rare.
 *
 * The usual surprise depends on the unit of the observations and on the number of labels. The
 * difference from the mean surprise does not.
 */
export function threshold(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, rare: mean + RARE };
}

export class Surprise {
  constructor(formatObservation) {
    this.formatObservation = formatObservation;
    this.plot = h("div");
    this.table = h("div");
    this.details = h("details", null, h("summary", null, "As a table"), this.table);
    this.element = h("div", null, this.plot, this.details);
    this.details.addEventListener("toggle", () => this.#rows());
  }

  update(events) {
    this.events = events;
    const values = events.map(({ surprise }) => surprise).filter(exists);
    this.details.hidden = !values.length;
    if (values.length) this.#draw(values);
    else this.plot.replaceChildren(nothing(NO_EVENTS));
    this.#rows();
  }

  #rows() {
    if (this.details.open) this.table.replaceChildren(recent(this.events, this.formatObservation));
  }

  #draw(values) {
    const { mean, rare } = threshold(values);
    const low = Math.min(0, ...values);
    const top = low + HEADROOM * (Math.max(rare, ...values) - low);
    const height = (value) => `${(100 * (value - low)) / (top - low)}%`;
    const bars = this.events.map(({ x, surprise }) => {
      const bar = h("i", {
        class: surprise > rare ? "high" : null,
        title: `${this.formatObservation(x)}: ${number(surprise, 3)} nats`,
      });
      bar.style.height = exists(surprise) ? height(surprise) : "0";
      return bar;
    });
    const line = h("span", { class: "rare" }, h("b", null, `${number(rare, 2)} nats: rare`));
    line.style.bottom = height(rare);
    const count = values.filter((value) => value > rare).length;
    const summary = `mean ${number(mean, 3)} nats, last ${number(values.at(-1), 3)}`;
    const known = this.events.length;
    const some = `${count} of the last ${known} events ${count === 1 ? "was" : "were"} rare (purple)`;
    const one = `the last event was ${count ? "rare (purple)" : "not rare"}`;
    const which = known === 1 ? one : count ? some : `none of the last ${known} events was rare`;
    this.plot.replaceChildren(
      h(
        "div",
        { class: "surprise", role: "img", "aria-label": `Surprise: ${summary}; ${which}` },
        ...bars,
        line,
      ),
      h(
        "p",
        { class: "hint" },
        `${summary}; ${which}: 20 times less probable than average.`,
      ),
    );
  }
}
