// Terms that are explained in place.

import { h } from "./dom.js";
import { placeAt } from "./popover.js";

const TERMS = {
  "P(best)": "Probability that this key has the best value of all compared keys, given the data and the model. It is exact, but it does not bound how often you are wrong if you stop as soon as it is large.",
  "expected loss": "How much worse than the best key this key is on average: the expected cost of choosing it.",
  "credible interval": "The parameter lies in this interval with the stated probability, given the data, the prior and the model.",
  "anytime-valid test": "A test that may be checked after every event: if the keys do not differ, it calls one of them the best with at most the stated probability (5 % with 95 % intervals), whenever you stop.",
  lift: "Relative difference from the reference: +5 % means 1.05 times its value.",
  reference: "The control if one is configured or selected, otherwise the key with the highest probability of being the best.",
  threshold: "A value configured for this belief. P(above) is the probability that the parameter exceeds it.",
  equivalence: "Differences up to this size do not matter in practice.",
  pooled: "Mean and interval of this key if it borrows strength from the others: the data of all keys determine their common prior. Keys with little data are pulled toward the other keys.",
  MLE: "Maximum-likelihood estimate: the parameter under which the observed data are most probable. It does not use the prior.",
  MAP: "Maximum a posteriori: the most probable parameter, given the data and the prior.",
  "log evidence": "Logarithm of the probability of all observed data under the model. Differences between models of the same data are log Bayes factors.",
  surprise: "−log of the predicted probability of an event, in nats: 3 nats more means 20 times less probable.",
};

/** Whether a term is explained. */
export const explained = (name) => Object.hasOwn(TERMS, name);

let number = 0;

/** A term with a button that explains it. */
export function term(name, text = name) {
  const id = `term-${++number}`;
  const note = h("span", { id, popover: "auto", class: "gloss", role: "note" }, h("b", null, name), ` ${TERMS[name]}`);
  const button = h(
    "button",
    { type: "button", class: "gloss-mark", popovertarget: id, "aria-label": `What is ${name}?` },
    "?",
  );
  note.addEventListener("toggle", ({ newState }) => newState === "open" && placeAt(note, button));
  return h("span", { class: "term" }, text, button, note);
}
