// Eleven hypotheses about the share of one colour: Bayes' rule with probabilities.

import { swatch } from "../charts/density.js";
import { h, setText } from "../dom.js";
import { proportion } from "../format.js";
import { Rule } from "./rule.js";

const SHARES = Array.from({ length: 11 }, (_, i) => i / 10);
const written = (share) => `${Math.round(100 * share)} %`;

/** The probabilities before and after a candy as bars, and Bayes' rule for the most probable share. */
export class Eleven {
  constructor() {
    this.question = h("p");
    this.bars = SHARES.map((share) => {
      const prior = h("i", { class: "prior" });
      const posterior = h("i", { class: "posterior" });
      return {
        prior,
        posterior,
        element: h("li", null, h("span", null, prior, posterior), written(share)),
      };
    });
    this.chart = h(
      "div",
      { role: "img" },
      h("ul", { class: "eleven", "aria-hidden": "true" }, ...this.bars.map(({ element }) => element)),
    );
    this.legend = h(
      "ul",
      { class: "legend" },
      h("li", null, swatch("prior"), "prior"),
      h("li", null, swatch("posterior"), "posterior, the prior for the next candy"),
    );
    this.rule = new Rule();
    this.element = h("div", null, this.question, this.chart, this.legend, this.rule.element);
  }

  /**
   * @param {string} colour the colour that the shares are about
   * @param {number[]} prior the probabilities before the candy
   * @param {number[]|null} posterior the probabilities after the candy; null before the first
   * candy
   * @param {boolean} observed whether the candy has this colour
   */
  update(colour, prior, posterior, observed) {
    const now = posterior ?? prior;
    const top = Math.max(...prior, ...now);
    const best = now.indexOf(Math.max(...now));
    this.bars.forEach((bar, i) => {
      bar.prior.style.height = `${(100 * prior[i]) / top}%`;
      bar.posterior.style.height = posterior ? `${(100 * posterior[i]) / top}%` : "0";
      bar.element.classList.toggle("best", i === best);
    });
    this.shown = { prior, posterior: now };
    setText(
      this.question,
      `What share of all candies is ${colour}? At first, only eleven answers are possible, so the belief consists of eleven probabilities that sum to 1.`,
    );
    const probabilities = SHARES.map((share, i) => `${written(share)}: ${proportion(now[i])}`);
    this.chart.setAttribute("aria-label", `Probabilities of the shares. ${probabilities.join(", ")}`);
    if (!posterior) {
      this.rule.update(null, `Most probable before the first candy: ${written(SHARES[best])}.`);
      return;
    }
    const likelihood = SHARES.map((share) => (observed ? share : 1 - share));
    this.rule.update(
      {
        prior: prior[best],
        likelihood: likelihood[best],
        evidence: prior.reduce((sum, p, i) => sum + p * likelihood[i], 0),
        posterior: posterior[best],
      },
      `The most probable share, ${written(SHARES[best])}: its prior probability, times the probability of this candy (${observed ? "" : "not "}${colour}) under this share, divided by the probability of this candy averaged over all eleven shares.`,
    );
  }

  /** The probabilities as rows of a file. */
  rows() {
    const { prior, posterior } = this.shown;
    return [["share", "prior", "posterior"], ...SHARES.map((x, i) => [x, prior[i], posterior[i]])];
  }
}
