// Extends curves to zero if the density at their ends is already small.

const TAIL_SHARE = 0.05; // share of the peak; higher ends are real, such as those of a share at 0 and 1
const STEPS = 24;

/** A curve extended to zero on both sides, within an axis from `low` to `high`. */
export function complete(xs, ys, peak, [low, high]) {
  const left = tail(xs[0], ys[0], xs[1], ys[1], low, peak);
  const right = tail(xs.at(-1), ys.at(-1), xs.at(-2), ys.at(-2), high, peak);
  return [
    [...left.map(([x]) => x).reverse(), ...xs, ...right.map(([x]) => x)],
    [...left.map(([, y]) => y).reverse(), ...ys, ...right.map(([, y]) => y)],
  ];
}

// Extrapolate with the slope at the end.
function tail(x0, y0, x1, y1, end, peak) {
  if (!(y0 > 0) || y0 > TAIL_SHARE * peak || !(y1 > y0)) return [[x0, 0]];
  const slope = Math.log(y1 / y0) / (x1 - x0);
  return Array.from({ length: STEPS }, (_, k) => {
    const x = x0 + ((end - x0) * (k + 1)) / STEPS;
    return [x, y0 * Math.exp(slope * (x - x0))];
  });
}

/** Ends of an axis with a margin for tails, within the range of this kind of numbers. */
export function roomy(low, high, share) {
  const room = 0.06 * (high - low);
  const least = low >= 0 ? 0 : -Infinity;
  const most = share ? 1 : Infinity;
  return [Math.max(least, low - room), Math.min(most, high + room)];
}
