// The beliefs about candies: rival mixes, eleven shares of one colour, and all shares.

import { Sum, argmax, betaBelow, betaQuantile, sum } from "./numerics.js";

export const COLOURS = ["blue", "brown", "green", "orange", "red", "yellow"];
export const LETTERS = ["B", "N", "G", "O", "R", "Y"]; // N stands for brown
export const SHARES = Array.from({ length: 11 }, (_, i) => i / 10);
const LEVEL = 0.95;

/** The mode of Beta(a, b); null if it does not exist. */
export function betaMode(a, b) {
  if (a > 1 && b > 1) return (a - 1) / (a + b - 2);
  if (a <= 1 && b <= 1 && (a === 1) === (b === 1)) return null;
  return a > b ? 1 : 0;
}

/** The most probable mix under a Dirichlet distribution; null if it does not exist. */
export function dirichletMode(alpha) {
  if (alpha.some((a) => a < 1) || alpha.every((a) => a === 1)) return null;
  const whole = sum(alpha) - alpha.length;
  return alpha.map((a) => (a - 1) / whole);
}

/** Read candies from letters or names of colours. Returns their numbers, and the words that are neither. */
export function readBag(text) {
  const bag = [];
  const unknown = [];
  for (const word of text
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter(Boolean)) {
    const colour = COLOURS.indexOf(word);
    const letters = [...word].map((letter) => LETTERS.indexOf(letter.toUpperCase()));
    if (colour >= 0) bag.push(colour);
    else if (letters.every((one) => one >= 0)) bag.push(...letters);
    else unknown.push(word);
  }
  return { bag, unknown };
}

/** Divide prior × likelihood by its sum, the evidence. */
export function bayes(prior, likelihood) {
  const products = prior.map((p, i) => p * likelihood[i]);
  const evidence = sum(products);
  return { evidence, posterior: products.map((p) => (evidence > 0 ? p / evidence : 0)) };
}

export class CandyStory {
  /**
   * @param {number[]} alpha the prior, as numbers of imagined candies
   * @param {number[]} bag the colour of every candy
   * @param {number[][]} mixes the shares of rival hypotheses
   */
  constructor(alpha, bag, mixes) {
    Object.assign(this, { alpha, bag, mixes });
    this.strength = sum(alpha);
    this.#eat();
  }

  // The sums after each candy, in one pass.
  #eat() {
    const counts = COLOURS.map(() => 0);
    const factors = this.mixes.map(() => new Sum());
    const evidence = new Sum();
    this.steps = [{ counts: [...counts], factors: factors.map(() => 0), logEvidence: 0, hits: 0 }];
    let hits = 0;
    this.bag.forEach((colour, eaten) => {
      const weights = this.alpha.map((a, i) => a + counts[i]);
      if (argmax(weights) === colour) hits += 1;
      const predicted = Math.log(weights[colour] / (this.strength + eaten));
      evidence.add(predicted);
      this.mixes.forEach((mix, i) => factors[i].add(Math.log(mix[colour])).add(-predicted));
      counts[colour] += 1;
      this.steps.push({
        counts: [...counts],
        factors: factors.map((one) => one.value),
        logEvidence: evidence.value,
        hits,
      });
    });
  }

  /** The posterior of the colours after `k` candies. */
  posterior(k) {
    return this.alpha.map((a, i) => a + this.steps[k].counts[i]);
  }

  /** The estimates of all shares after `k` candies. */
  estimates(k) {
    const posterior = this.posterior(k);
    const whole = this.strength + k;
    const map = dirichletMode(posterior);
    return COLOURS.map((_, i) => ({
      count: this.steps[k].counts[i],
      mle: k > 0 ? this.steps[k].counts[i] / k : null,
      map: map && map[i],
      mean: posterior[i] / whole,
      low: betaQuantile((1 - LEVEL) / 2, posterior[i], whole - posterior[i]),
      high: betaQuantile((1 + LEVEL) / 2, posterior[i], whole - posterior[i]),
    }));
  }

  /** The most probable next candy after `k` candies. */
  prediction(k) {
    const posterior = this.posterior(k);
    const colour = argmax(posterior);
    return { colour, probability: posterior[colour] / (this.strength + k) };
  }

  /** The probability of every mix after `k` candies, and of the mix learned from them. */
  rivals(k) {
    const logs = [...this.steps[k].factors, 0];
    const top = Math.max(...logs);
    const weights = logs.map((log) => Math.exp(log - top));
    const whole = sum(weights);
    return weights.map((weight) => weight / whole);
  }

  /** The probability of candy `k` under every mix, and under the mix learned from earlier candies. */
  rivalLikelihoods(k) {
    const colour = this.bag[k - 1];
    const learned = this.posterior(k - 1)[colour] / (this.strength + k - 1);
    return [...this.mixes.map((mix) => mix[colour]), learned];
  }

  /** The Beta distribution of the share of one colour after `k` candies. */
  share(colour, k) {
    const a = this.posterior(k)[colour];
    const b = sum(this.alpha.filter((_, i) => i !== colour)) + k - this.steps[k].counts[colour];
    return [a, b];
  }

  /** The probabilities of eleven shares of one colour after `k` candies, given these prior probabilities. */
  elevenShares(prior, colour, k) {
    const n = this.steps[k].counts[colour];
    const logs = SHARES.map((share, i) => {
      const hit = n > 0 ? n * Math.log(share) : 0;
      const miss = k > n ? (k - n) * Math.log1p(-share) : 0;
      return prior[i] > 0 ? Math.log(prior[i]) + hit + miss : -Infinity;
    });
    const top = Math.max(...logs);
    const weights = logs.map((log) => Math.exp(log - top));
    const whole = sum(weights);
    return weights.map((weight) => weight / whole);
  }
}

/** The probabilities of the eleven shares if a share with the distribution Beta(a, b) is rounded. */
export function roundedShares(a, b) {
  const mean = a / (a + b);
  return SHARES.map((share) => {
    const [low, high] = [Math.max(0, share - 0.05), Math.min(1, share + 0.05)];
    return low < mean
      ? betaBelow(high, a, b) - betaBelow(low, a, b)
      : betaBelow(1 - low, b, a) - betaBelow(1 - high, b, a);
  });
}
