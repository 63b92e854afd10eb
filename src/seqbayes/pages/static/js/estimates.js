// The lesson on MLE, MAP and EM: one sentence and one interactive chart per step.

import { h, setText } from "../../../dashboard/static/js/dom.js";
import { HIDDEN } from "./estimates-hidden.js";
import { READINGS } from "./estimates-readings.js";
import { SINGLE } from "./estimates-single.js";
import { Steps, mount, onAddress, readAddress, readData, writeAddress } from "./frame.js";

class EstimatesLesson {
  constructor(data) {
    this.parts = [...SINGLE, ...READINGS, ...HIDDEN].map(({ title, sentence, build }, i) =>
      h(
        "section",
        { class: "panel lesson-step", hidden: true, "data-step": i },
        h("header", null, h("h2", null, `${i + 1}. ${title}`)),
        h("p", { class: "sentence" }, sentence),
        ...build(data),
      ),
    );
    this.says = h("p", { class: "visually-hidden", "aria-live": "polite" });
    this.steps = new Steps({
      unit: "Step",
      total: this.parts.length - 1,
      change: (step) => this.#show(step),
      pace: () => 0.1,
    });
    this.steps.playing.hidden = true;
    onAddress(() => this.#follow());
  }

  #show(step) {
    this.parts.forEach((part, i) => (part.hidden = i !== step));
    setText(this.says, this.parts[step].querySelector("h2").textContent);
    setText(this.steps.where, `${step + 1} of ${this.parts.length}`);
    this.steps.link.href = writeAddress({ step: step + 1 });
  }

  #follow() {
    this.steps.go((Number(readAddress().get("step")) || 1) - 1);
  }

  mount() {
    mount(
      "MLE, MAP and EM",
      "Two estimates and an algorithm: what they are and how they are related, for readers who can program. Drag every slider.",
      h("div", { class: "board-top" }, this.steps.element, this.says),
      ...this.parts,
    );
    this.#follow();
  }
}

new EstimatesLesson(readData()).mount();
