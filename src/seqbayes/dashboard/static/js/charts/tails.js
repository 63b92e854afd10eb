// Curves that end where little is left are drawn to where nothing is.

const SMALL = 0.05; // of the peak: what is higher ends there, as a share does at 0 and 1
const STEPS = 24;

/** A curve that reaches the floor on both sides, within an axis from `low` to `high`. */
export function complete(xs, ys, peak, [low, high]) {
  const left = tail(xs[0], ys[0], xs[1], ys[1], low, peak);
  const right = tail(xs.at(-1), ys.at(-1), xs.at(-2), ys.at(-2), high, peak);
  return [
    [...left.map(([x]) => x).reverse(), ...xs, ...right.map(([x]) => x)],
    [...left.map(([, y]) => y).reverse(), ...ys, ...right.map(([, y]) => y)],
  ];
}

// It falls on as steeply as it does at the end.
function tail(x0, y0, x1, y1, end, peak) {
  if (!(y0 > 0) || y0 > SMALL * peak || !(y1 > y0)) return [[x0, 0]];
  const slope = Math.log(y1 / y0) / (x1 - x0);
  return Array.from({ length: STEPS }, (_, k) => {
    const x = x0 + ((end - x0) * (k + 1)) / STEPS;
    return [x, y0 * Math.exp(slope * (x - x0))];
  });
}

/** Ends of an axis with some room for tails, where numbers of this kind may lie. */
export function roomy(low, high, share) {
  const room = 0.06 * (high - low);
  const least = low >= 0 ? 0 : -Infinity;
  const most = share ? 1 : Infinity;
  return [Math.max(least, low - room), Math.min(most, high + room)];
}
