// Interpolated points of a curve that was sampled for a small plot.

const MAX_SMOOTHED = 200;
const PARTS = 4;

/**
 * More points of a curve, by monotone cubic interpolation, which never exceeds neighbouring
 * values. Fritsch & Carlson (1980), with the harmonic means of Fritsch & Butland (1984) as slopes.
 */
export function smooth(xs, ...curves) {
  if (xs.length < 3 || xs.length > MAX_SMOOTHED) return [xs, ...curves];
  const shares = Array.from({ length: PARTS }, (_, k) => k / PARTS);
  const finer = xs.slice(1).flatMap((x, i) => shares.map((t) => xs[i] + t * (x - xs[i])));
  return [
    [...finer, xs.at(-1)],
    ...curves.map((ys) => {
      if (!ys) return ys;
      const slopes = slopesOf(xs, ys);
      const values = xs.slice(1).flatMap((_, i) => shares.map((t) => between(xs, ys, slopes, i, t)));
      return [...values, ys.at(-1)];
    }),
  ];
}

const known = (y) => y !== null && y !== undefined;

function slopesOf(xs, ys) {
  const steps = xs.slice(1).map((x, i) => {
    const width = x - xs[i];
    return known(ys[i]) && known(ys[i + 1]) && width > 0 ? (ys[i + 1] - ys[i]) / width : null;
  });
  return xs.map((_, i) => {
    const before = steps[i - 1] ?? steps[i];
    const after = steps[i] ?? before;
    if (!known(before) || before * after <= 0) return 0;
    return (2 * before * after) / (before + after);
  });
}

function between(xs, ys, slopes, i, t) {
  if (t === 0) return ys[i];
  if (!known(ys[i]) || !known(ys[i + 1])) return null;
  const width = xs[i + 1] - xs[i];
  const rest = 1 - t;
  return (
    ys[i] * (1 + 2 * t) * rest * rest +
    ys[i + 1] * t * t * (3 - 2 * t) +
    width * t * rest * (slopes[i] * rest - slopes[i + 1] * t)
  );
}
