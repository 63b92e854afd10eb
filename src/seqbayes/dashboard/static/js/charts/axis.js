// Scales, ticks and paths, in pixels.

export function linear([d0, d1], [r0, r1]) {
  const k = d1 === d0 ? 0 : (r1 - r0) / (d1 - d0);
  const map = (x) => r0 + (x - d0) * k;
  map.invert = (y) => (k === 0 ? d0 : d0 + (y - r0) / k);
  map.domain = [d0, d1];
  return map;
}

export function ticks([low, high], about = 6) {
  const width = high - low;
  if (!(width > 0) || !Number.isFinite(width)) return [];
  const rough = width / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

/** Ticks of a logarithmic axis, at round values. */
export function ticksOf(domain, about, measured) {
  if (measured !== "log") return ticks(domain, about);
  const [low, high] = domain.map(Math.exp);
  if (high / low < LOG_RATIO) return ticks([low, high], about).map(Math.log);
  const decades = Math.ceil(Math.log10(high / low));
  const steps = decades * 3 > 2 * about ? [1] : [1, 2, 5];
  const first = Math.floor(Math.log10(low));
  return Array.from({ length: decades + 2 }, (_, i) => steps.map((k) => k * 10 ** (first + i)))
    .flat()
    .filter((x) => x >= low && x <= high)
    .map(Math.log);
}

const LOG_RATIO = 8; // ratio of the ends above which linear ticks would crowd at one end

const point = (x, y) => `${x.toFixed(1)},${y.toFixed(1)}`;

/** A line that breaks where a value is missing. */
export function line(xs, ys, sx, sy) {
  let path = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    const y = ys[i];
    if (y === null || y === undefined) {
      pen = "M";
      continue;
    }
    path += pen + point(sx(xs[i]), sy(y));
    pen = "L";
  }
  return path;
}

/** The area under a line, from `low` to `high` if given. */
export function area(xs, ys, sx, sy, [low, high] = [-Infinity, Infinity]) {
  const inside = [];
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null) continue;
    if (i > 0 && ys[i - 1] !== null) {
      for (const edge of [low, high]) {
        if (xs[i - 1] < edge && edge < xs[i]) inside.push([edge, at(xs, ys, edge, i)]);
      }
    }
    if (xs[i] >= low && xs[i] <= high) inside.push([xs[i], ys[i]]);
  }
  if (inside.length < 2) return "";
  const top = inside.map(([x, y]) => point(sx(x), sy(y))).join("L");
  return `M${point(sx(inside[0][0]), sy(0))}L${top}L${point(sx(inside.at(-1)[0]), sy(0))}Z`;
}

/** The area between two lines. */
export function band(xs, low, high, sx, sy) {
  const kept = xs.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null);
  if (kept.length < 2) return "";
  const up = kept.map((i) => point(sx(xs[i]), sy(high[i])));
  const down = kept.reverse().map((i) => point(sx(xs[i]), sy(low[i])));
  return `M${up.join("L")}L${down.join("L")}Z`;
}

/** The height of a curve at x by interpolation; null outside of it. */
export function at(xs, ys, x, hint) {
  let i = hint ?? xs.findIndex((one) => one >= x);
  if (i < 0 || x < xs[0]) return null;
  if (i === 0) return ys[0];
  const [x0, x1, y0, y1] = [xs[i - 1], xs[i], ys[i - 1], ys[i]];
  if (y0 === null || y1 === null) return null;
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

export function greatest(...series) {
  let most = 0;
  for (const ys of series) {
    for (const y of ys ?? []) if (y !== null && y > most) most = y;
  }
  return most;
}

/** A stem at every value, for counts. */
export function stems(xs, ys, sx, sy, shift = 0) {
  let path = "";
  xs.forEach((x, i) => {
    if (ys[i] === null || ys[i] === undefined) return;
    path += `M${point(sx(x) + shift, sy(0))}V${sy(ys[i]).toFixed(1)}`;
  });
  return path;
}
