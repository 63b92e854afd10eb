// The conclusion of a comparison in one sentence.

import { exact, exists, percent, probability, scale, things } from "../format.js";

/** A number of percentage points, of the unit, or, on a logarithmic scale, of percent. */
function united(text, written, unit) {
  if (written.log) return `${text} %`;
  if (written.share) return `${text} ${/^[+−]?1$/.test(text) ? "point" : "points"}`;
  return unit ? `${text} ${unit}` : text;
}

/** A loss with its unit; on a logarithmic scale it is relative. */
function amount(x, written, unit) {
  const shown = written.log ? 100 * Math.expm1(x) : written.share ? 100 * x : x;
  return united(exact(shown, 2), written, unit);
}

/** The difference between an arm and another one, with its interval. */
export function contrast({ mean, interval }, written, unit) {
  const shown = (x) => (!exists(x) ? x : written.log ? 100 * Math.expm1(x) : written.share ? 100 * x : x);
  const values = scale("", interval?.map(shown));
  const [from, to] = (interval ?? [null, null]).map((x) => values.bare(shown(x)));
  if (!exists(mean)) return `a difference of ${united(`${from} to ${to}`, written, unit)}`;
  const lead = united(`${mean > 0 ? "+" : ""}${values.bare(shown(mean))}`, written, unit);
  return `${lead} (${from} to ${to})`;
}

const MIN_LOSS = 1e-5; // a smaller loss is not distinguished from another

export function loss(x, written, unit) {
  if (!exists(x)) return "infinite";
  if (!(x < MIN_LOSS)) return amount(x, written, unit);
  const least = amount(written.log ? Math.log1p(MIN_LOSS) : MIN_LOSS, written, unit);
  return x === 0 ? least.replace(/^[^ ]*/, "0") : `< ${least}`;
}

/** The expected loss of the best key or, if it is infinite, a limit that holds with high probability. */
function risk({ loss: expected, loss_interval: [, most] }, level, written, unit) {
  if (exists(expected)) return `expected loss ${loss(expected, written, unit)}`;
  return `the loss is at most ${loss(most, written, unit)} with probability ${percent((1 + level) / 2)}`;
}

/** What the sequential test says, after a verdict. */
export function tested({ decision, best, verdict: found }, name) {
  if (decision.guarantee === "none") return `No error rate is bounded: ${decision.reason}.`;
  if (decision.best !== null)
    return decision.best === best
      ? "The anytime-valid test agrees: you may stop."
      : `The anytime-valid test prefers ${name(decision.best)}.`;
  const rest = decision.more === null ? "" : `; it needs about ${things(Number(decision.more.toPrecision(2)), "more event")}`;
  return found === "best"
    ? `The anytime-valid test has not decided yet${rest}.`
    : `The anytime-valid test has no result yet${rest}.`;
}

/** The difference between the best key and the control, or the key that is most probably second. */
function leadOf({ best, reference, arms, differences }) {
  const arm = arms.find(({ key }) => key === best);
  if (best !== reference) return { ...arm.contrast, than: reference };
  return { ...differences[0], than: differences[0].pair[1] };
}

/**
 * @param {object} answer the response to GET /api/compare
 * @param {object} options
 * @param {Function} options.name the text of a key by its id
 * @param {object} options.written the format of the compared numbers
 * @param {object} options.belief as GET /api/beliefs describes it
 * @returns {{tone: string, lead: string, rest: string}}
 */
export function verdict(answer, { name, written, belief }) {
  const { unit = "", control, equivalence } = belief;
  const lead = leadOf(answer);
  const arm = answer.arms.find(({ key }) => key === answer.best);
  const best = name(answer.best);
  const by = `${contrast(lead, written, unit)} against ${name(lead.than)}`;
  const likely = `${probability(arm.p_best)} likely ${answer.lowest ? "lowest" : "highest"}`;
  const cost = risk(arm, answer.level, written, unit);
  if (answer.verdict === "best") {
    const isControl = control && answer.best === answer.reference;
    const { decision } = answer;
    // a test that has not decided is no reason to stop
    const open = decision.guarantee !== "none" && decision.best !== answer.best;
    const act = open ? `Probably ${best}` : isControl ? `Keep ${best}` : control ? `Ship ${best}` : `Choose ${best}`; // prettier-ignore
    return { tone: "sure", lead: `${act}:`, rest: `${likely}, ${by}, ${cost}.` };
  }
  if (answer.verdict === "equivalent") {
    const within = amount(written.log ? Math.log1p(equivalence) : equivalence, written, unit);
    const rest = `every difference from ${name(answer.reference)} is within ±${within} (${probability(answer.level, 0)} or more). ${best} is ${likely}, ${by}.`;
    return { tone: "alike", lead: "No difference that matters:", rest };
  }
  return { tone: "open", lead: "Too early to decide:", rest: `${best} is ${likely}, ${by}, ${cost}.` };
}
