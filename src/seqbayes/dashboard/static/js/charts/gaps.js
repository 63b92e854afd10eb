// Gaps in histories, where no line is drawn.

const GAP_RATIO = 8; // times the usual distance between two points nearby
const NEIGHBOURS = 3; // distances before and after, since a history may be denser in a part

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;

/** The indices of the points before which there is a gap. */
export function gaps(xs) {
  const steps = xs.slice(1).map((x, i) => x - xs[i]);
  return steps.flatMap((step, i) => {
    const before = median(steps.slice(Math.max(0, i - NEIGHBOURS), i));
    const after = median(steps.slice(i + 1, i + 1 + NEIGHBOURS));
    const usual = Math.max(before, after);
    return usual > 0 && step > GAP_RATIO * usual ? [i + 1] : [];
  });
}

/** Columns of points with a missing value in the middle of each gap. */
export function broken(columns) {
  const [xs] = columns;
  const starts = new Set(gaps(xs));
  return columns.map((ys, k) =>
    ys.flatMap((y, i) => (starts.has(i) ? [k ? null : (xs[i - 1] + xs[i]) / 2, y] : [y])),
  );
}

/** The places of points without a neighbour, which a line would not show. */
export function isolated([xs, ...ys]) {
  const known = (i) => ys.at(-1)[i] !== null && ys.at(-1)[i] !== undefined;
  return new Set(xs.filter((_, i) => known(i) && !known(i - 1) && !known(i + 1)));
}
