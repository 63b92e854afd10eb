// EM for two coins: responsibilities, expected counts and estimates.

import { betaDensity, sum } from "./numerics.js";

const FAIR = 0.5;

/** The probability of this number of heads, in any order. */
export function binomial(heads, tosses, theta) {
  let ways = 1;
  for (let i = 1; i <= heads; i += 1) ways = (ways * (tosses - heads + i)) / i;
  return ways * theta ** heads * (1 - theta) ** (tosses - heads);
}

/** The estimate after these counts under Beta(a, a): the MAP, and with a = 1 the MLE. */
export function divide(heads, tosses, a = 1) {
  const whole = tosses + 2 * a - 2;
  return whole > 0 ? (heads + a - 1) / whole : null;
}

/** Bayes' rule for every set: which coin was it? */
export function split(sets, thetas, weights) {
  return sets.map(({ heads, tosses }) => {
    const likelihood = thetas.map((theta) => binomial(heads, tosses, theta));
    const products = likelihood.map((one, i) => one * weights[i]);
    const evidence = sum(products);
    const posterior = evidence > 0 ? products.map((one) => one / evidence) : [...weights];
    return { prior: weights, likelihood, evidence, posterior };
  });
}

/** The expected numbers of sets, heads and tosses of each coin. */
export function expected(sets, rows) {
  return [0, 1].map((coin) => ({
    sets: sum(rows.map(({ posterior }) => posterior[coin])),
    heads: sum(rows.map(({ posterior }, i) => posterior[coin] * sets[i].heads)),
    tosses: sum(rows.map(({ posterior }, i) => posterior[coin] * sets[i].tosses)),
  }));
}

/** The sums of the sets whose coins are known. */
export function counted(sets) {
  const rows = sets.map(({ coin }) => ({ posterior: coin === "A" ? [1, 0] : [0, 1] }));
  return expected(sets, rows);
}

function maximise(sums, thetas, weights, a, learnWeights) {
  const all = sum(sums.map((one) => one.sets));
  return {
    thetas: sums.map(({ heads, tosses }, i) => divide(heads, tosses, a) ?? thetas[i]),
    weights: learnWeights ? sums.map((one) => (one.sets + a - 1) / (all + 2 * a - 2)) : weights,
  };
}

/**
 * The states of EM, from the start.
 *
 * @param {Array<{heads: number, tosses: number}>} sets
 * @param {number[]} start the initial probabilities of heads
 * @param {number} iterations
 * @param {number} a the prior Beta(a, a) of each coin; 1 is flat
 * @param {boolean} learnWeights whether to learn the probabilities of picking each coin
 */
export function runEm(sets, start, iterations, a = 1, learnWeights = false) {
  let [thetas, weights] = [start, [FAIR, FAIR]];
  const path = [];
  for (let i = 0; i <= iterations; i += 1) {
    const rows = split(sets, thetas, weights);
    const sums = expected(sets, rows);
    const logLikelihood = sum(rows.map(({ evidence }) => Math.log(evidence)));
    const priors = [...thetas, ...(learnWeights ? [weights[0]] : [])];
    const logPrior = sum(priors.map((theta) => Math.log(betaDensity(theta, a, a))));
    path.push({
      thetas,
      weights,
      rows,
      sums,
      logLikelihood,
      logPosterior: logLikelihood + logPrior,
    });
    ({ thetas, weights } = maximise(sums, thetas, weights, a, learnWeights));
  }
  return path;
}

/** Read sets such as BHTTTH,AHHHT: the coin that was tossed, then the tosses. */
export function readSets(text) {
  const words = text
    .toUpperCase()
    .split(/[\s,;]+/)
    .filter(Boolean);
  const wrong = words.find((word) => !/^[AB][HT]+$/.test(word));
  const sets = words
    .filter((word) => word !== wrong)
    .map((word) => {
      const sequence = word.slice(1);
      return {
        coin: word[0],
        sequence,
        tosses: sequence.length,
        heads: [...sequence].filter((toss) => toss === "H").length,
      };
    });
  return { sets, wrong };
}
