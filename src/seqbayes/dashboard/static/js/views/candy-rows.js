// The numbers of the candies' charts as rows of files, each with a header row.

import { COLOURS } from "./candies.js";

/** The number of candies of each colour. */
export const counts = (belief, { prior }) => [
  ["colour", "candies"],
  ...COLOURS.map((colour) => [colour, belief.alpha[colour] - prior.alpha[colour]]),
];

/** The estimates of the share of each colour. */
export const beliefs = ({ mean, map, mle, interval }, before) => [
  ["colour", "mean", "low 0.95", "high 0.95", "MAP", "MLE", "prior mean"],
  ...COLOURS.map((colour) => [
    ...[colour, mean[colour], ...interval[colour]],
    ...[map[colour], mle[colour], before[colour]],
  ]),
];

/** The estimates of one share after each candy. */
export const race = (eaten, { mean, map, mle }) => [
  ["candies", "mean", "MAP", "MLE"],
  ...eaten.map((n, i) => [n, mean[i], map[i], mle[i]]),
];

/** The log Bayes factor and the probability of each mix. */
export const factories = ({ mixes, some_other_mix: other }, title) => [
  ["mix", "log Bayes factor", "probability"],
  ...Object.entries(mixes).map(([name, mix]) => [title(name), mix.log_bayes_factor, mix.probability]),
  ["learned mix", null, other],
];
