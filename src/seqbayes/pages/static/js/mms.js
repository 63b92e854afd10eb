// The lesson on M&M's: one candy per step.

import { h, segments, setText } from "../../../dashboard/static/js/dom.js";
import { count } from "../../../dashboard/static/js/format.js";
import { COLOURS, CandyStory, LETTERS, readBag } from "./candies.js";
import { Steps, mount, onAddress, panel, readAddress, readData, writeAddress } from "./frame.js";
import { DensitiesPanel, ElevenPanel, EstimatesPanel, Rivals } from "./mms-panels.js";
import { BagInput, STRENGTH, priorForm, readPrior } from "./setup.js";
import { candy } from "./terms.js";

const SHOWN = 60; // candies of the bag

class CandiesLesson {
  constructor(data) {
    this.data = data;
    this.real = readBag(data.letters).bag;
    this.state = this.#readState();
    this.rivals = new Rivals(data.mixes);
    this.eleven = new ElevenPanel(this.state.share, (share) => this.#set({ share }));
    this.densities = new DensitiesPanel((share) => this.#set({ share }), data.claims);
    this.estimates = new EstimatesPanel();
    this.says = h("p", { class: "narration", "aria-live": "polite" });
    this.strip = h("p", { class: "strip" });
    this.steps = new Steps({
      unit: "Candy",
      total: 1,
      change: () => this.#draw(),
      pace: (k) => Math.min(400, 1.2 * (1 + k / 9) ** 1.25),
    });
    this.bag = new BagInput(this.state.bag, (bag) =>
      this.#set({ bag }, bag === null ? 0 : bag.length),
    );
    this.bag.showUnknown(readBag(readAddress().get("bag")?.replace(/^real$/, "") ?? "").unknown);
    this.prior = priorForm(this.state, (chosen) => this.#set(chosen, 0));
    this.colours = segments(
      "Colour",
      COLOURS.map((colour) => [colour, colour]),
      this.state.colour,
      (colour) => this.#set({ colour, share: data.claims[colour] }),
    );
    onAddress(() => this.#follow());
  }

  // The state in the address, completed by the options with which the page was written.
  #readState() {
    const { prior, strength, claims } = this.data;
    const address = readAddress();
    const colour = COLOURS.includes(address.get("colour")) ? address.get("colour") : "green";
    const share = Number(address.get("share"));
    return {
      prior: address.get("prior") ?? prior,
      strength: Number(address.get("strength") ?? strength ?? STRENGTH),
      bag: this.#bag(address.get("bag")),
      colour,
      share: share > 0 && share < 1 ? share : claims[colour],
    };
  }

  // The letters of a bag in the address; null for the real bags.
  #bag(text) {
    if (text === null) return this.data.bag;
    return text === "real"
      ? null
      : readBag(text)
          .bag.map((one) => LETTERS[one])
          .join("");
  }

  #follow() {
    this.state = this.#readState();
    this.colours.select(this.state.colour);
    this.#learn();
    this.steps.go(Number(readAddress().get("step")));
  }

  #set(change, step = this.steps.step) {
    Object.assign(this.state, change);
    if ("prior" in change || "bag" in change) this.#learn();
    this.steps.go(step);
  }

  #learn() {
    const { prior, strength, bag } = this.state;
    try {
      const alpha = readPrior(prior, strength, this.data.park);
      this.prior.showError(null);
      this.alpha = alpha;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.prior.showError(error.message);
      this.alpha ??= readPrior("park", STRENGTH, this.data.park);
    }
    const eaten = bag === null ? this.real : readBag(bag).bag;
    this.candies = new CandyStory(
      this.alpha,
      eaten,
      this.data.mixes.map(({ shares }) => shares),
    );
    this.steps.resize(eaten.length);
  }

  #draw() {
    const k = this.steps.step;
    const { prior, strength, bag, colour, share } = this.state;
    const followed = COLOURS.indexOf(colour);
    const weighted = prior === "uniform" || prior === "jeffreys" ? null : strength;
    this.steps.link.href = writeAddress({
      step: k,
      prior,
      strength: weighted,
      bag: bag ?? (this.data.bag === null ? null : "real"),
      colour,
      share,
    });
    this.#narrate(k);
    this.rivals.update(this.candies, k);
    this.eleven.update(this.candies, k, followed, share);
    this.densities.update(this.candies, k, followed, share);
    this.estimates.update(this.candies, k);
  }

  #narrate(k) {
    const { bag, strength } = this.candies;
    const weight = Math.round((100 * strength) / (strength + k));
    this.strip.replaceChildren(...bag.slice(Math.max(0, k - SHOWN), k).map(candy));
    if (!k) {
      setText(
        this.says,
        `Nothing is eaten yet: the belief is only the prior, equivalent to ${count(strength)} imagined candies.`,
      );
      return;
    }
    const guess = this.candies.prediction(k - 1);
    const colour = COLOURS[bag[k - 1]];
    const right =
      guess.colour === bag[k - 1] ? "as predicted" : `but ${COLOURS[guess.colour]} was predicted`;
    setText(
      this.says,
      `Candy ${count(k)} is ${colour}, ${right}. The prior now has ${weight} % of the weight, the eaten candies ${100 - weight} %.`,
    );
  }

  mount() {
    const { data } = this;
    mount(
      "M&M’s, one candy at a time",
      `Every candy is one step of Bayes’ rule. ${count(this.real.length)} real M&M’s (${data.source}) in random order; choose another prior or enter the candies of your bag below.`,
      h("div", { class: "board-top" }, this.steps.element, this.says, this.strip),
      this.rivals.element,
      h(
        "div",
        { class: "chooser" },
        h("span", { class: "muted" }, "Colour in the next two parts"),
        h("div", { class: "scroll" }, this.colours),
      ),
      this.eleven.element,
      this.densities.element,
      this.estimates.element,
      panel(
        "Your prior",
        "A prior is a belief before the data: shares, and a weight as a number of imagined candies.",
        this.prior.element,
      ),
      panel("Your bag", "Open a bag and enter its candies: every one is a step.", this.bag.element),
      this.#mixes(),
    );
    this.#follow();
  }

  #mixes() {
    const rows = this.data.mixes.map(({ title, source, shares }) =>
      h(
        "li",
        null,
        h("b", null, title),
        `: ${COLOURS.map((colour, i) => `${colour} ${(100 * shares[i]).toFixed(1)} %`).join(", ")}. ${source}`,
      ),
    );
    return panel(
      "Sources",
      `Candies: ${this.data.source}.`,
      h("ul", { class: "sources" }, ...rows),
    );
  }
}

new CandiesLesson(readData()).mount();
