// Densities, tails and quantiles of the beta distribution, without cancellation of large logarithms.

const HALF_LOG_TAU = 0.5 * Math.log(2 * Math.PI);

/** The sum of some numbers, with the rounding errors added at the end (Neumaier). */
export class Sum {
  constructor() {
    this.total = 0;
    this.error = 0;
  }

  add(x) {
    const total = this.total + x;
    this.error +=
      Math.abs(this.total) >= Math.abs(x) ? this.total - total + x : x - total + this.total;
    this.total = total;
    return this;
  }

  get value() {
    return this.total + this.error;
  }
}

export const sum = (xs) => xs.reduce((total, x) => total.add(x), new Sum()).value;

/** log Γ(z + 1) minus Stirling's formula, for z > 0. */
export function stirlingError(z) {
  let shifted = 0;
  while (z < 16) {
    shifted += (z + 0.5) * Math.log1p(1 / z) - 1;
    z += 1;
  }
  const s = 1 / (z * z);
  const series =
    1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360360))));
  return shifted + series / z;
}

/** x log(x / m) + m - x, without cancellation where x is close to m. */
export function deviance(x, m) {
  if (x === 0) return m;
  if (Math.abs(x - m) >= 0.1 * (x + m)) return x * Math.log(x / m) + m - x;
  const v = (x - m) / (x + m);
  let total = (x - m) * v;
  let term = 2 * x * v;
  for (let j = 3; j < 1000; j += 2) {
    term *= v * v;
    const next = total + term / j;
    if (next === total) break;
    total = next;
  }
  return total;
}

/** The log of the binomial term Γ(a + b + 1) / (Γ(a + 1) Γ(b + 1)) xᵃ (1 - x)ᵇ (Loader). */
function logTerm(a, b, x) {
  const n = a + b;
  return (
    stirlingError(n) -
    stirlingError(a) -
    stirlingError(b) -
    deviance(a, n * x) -
    deviance(b, n * (1 - x)) -
    HALF_LOG_TAU +
    0.5 * Math.log(n / (a * b))
  );
}

/** The density of Beta(a, b) at x. */
export function betaDensity(x, a, b) {
  if (x < 0 || x > 1) return 0;
  if (x === 0) return a < 1 ? Infinity : a > 1 ? 0 : b;
  if (x === 1) return b < 1 ? Infinity : b > 1 ? 0 : a;
  return ((a * b) / ((a + b) * x * (1 - x))) * Math.exp(logTerm(a, b, x));
}

/** The continued fraction of the incomplete beta function (Lentz), where x < (a + 1) / (a + b + 2). */
function fraction(x, a, b) {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let value = d;
  for (let m = 1; m < 10000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    value *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return value;
}

function smallTail(x, a, b) {
  return (b / (a + b)) * Math.exp(logTerm(a, b, x)) * fraction(x, a, b);
}

/** The probability that a variable with the distribution Beta(a, b) is at most x. */
export function betaBelow(x, a, b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x < (a + 1) / (a + b + 2)) return smallTail(x, a, b);
  return 1 - smallTail(1 - x, b, a);
}

/** The value that a variable with the distribution Beta(a, b) exceeds with probability 1 - p. */
export function betaQuantile(p, a, b) {
  if (a > b) return 1 - betaQuantile(1 - p, b, a);
  let [low, high] = [0, 1];
  let x = a / (a + b);
  for (let i = 0; i < 1000; i += 1) {
    const below = betaBelow(x, a, b);
    if (below > p) high = x;
    else low = x;
    // Newton's method for log p as a function of log x, which is nearly linear for small x
    const next = x * Math.exp((Math.log(p / below) * below) / (x * betaDensity(x, a, b)));
    const moved = next > low && next < high ? next : 0.5 * (low + high);
    if (Math.abs(moved - x) <= 2e-16 * x) return moved;
    x = moved;
  }
  return x;
}

/** The index of the largest number; the first of several. */
export const argmax = (xs) => xs.reduce((best, x, i) => (x > xs[best] ? i : best), 0);
