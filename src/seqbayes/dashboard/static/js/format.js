// Formatting of numbers and times.

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const fixed = Array.from(
  { length: 13 },
  (_, digits) =>
    new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);
const NONE = "–";
const SHARE = "share";
const LOG = "log";
const POINTS = "points"; // differences of shares

const minus = (text) => text.replace("-", "−");
export const exists = (number) => typeof number === "number" && Number.isFinite(number);

export function count(n) {
  return exists(n) ? minus(counts.format(n)) : NONE;
}

/** A count with the name of the counted thing, in the plural unless the count is 1. */
export const things = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Format a number with significant digits. */
export function number(x, digits = 4) {
  if (!exists(x)) return NONE;
  if (x === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(x)));
  if (size < -4 || size >= 9) return minus(x.toExponential(Math.max(0, digits - 2)));
  const decimals = Math.min(12, Math.max(0, digits - 1 - size));
  return minus(fixed[decimals].format(x));
}

/** Format a number with at most this many significant digits. */
export function exact(x, digits = 6) {
  if (!exists(x)) return NONE;
  if (Number.isInteger(x) && Math.abs(x) < 1e12) return count(x);
  const text = number(x, digits);
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

export function decimals(x, digits) {
  if (!exists(x)) return NONE;
  const text = fixed[digits].format(x);
  return minus(/[1-9]/.test(text) ? text : text.replace("-", "")); // without a negative zero
}

export function signed(x, digits = 3) {
  if (!exists(x)) return NONE;
  const text = decimals(x, digits);
  return x > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** Format a level, such as that of intervals, in percent. */
export const percent = (level) => `${Math.round(1000 * level) / 10} %`;

/** Format an observed proportion in percent; only 0 and 1 are written as 0 % and 100 %. */
export const proportion = (p, digits = 1) =>
  p === 0 || p === 1 ? `${100 * p} %` : probability(p, digits);

/**
 * Format a probability in percent, never as 0 % or 100 %: a computed probability of 0 or 1 was
 * rounded, since no amount of data makes a statement about a parameter certain.
 */
export function probability(p, digits = 1) {
  if (!exists(p)) return NONE;
  const least = 10 ** -digits;
  if (100 * p < least) return `< ${least.toFixed(digits)} %`;
  if (100 * (1 - p) < least) return `> ${(100 - least).toFixed(digits)} %`;
  return `${fixed[digits].format(100 * p)} %`;
}

/**
 * How the values of a belief are written: "share", "log" (the exponential is the median of the
 * observations), or empty.
 */
export const measure = ({ scale: of }) => of ?? "";

/** The threshold of a belief on the scale of its numbers, or null. */
export function thresholdOf(belief) {
  if (!exists(belief.threshold)) return null;
  return measure(belief) === LOG ? Math.log(belief.threshold) : belief.threshold;
}

/** How one of several numbers is written. */
export const measureOf = ({ unit } = {}) => unit ?? "";

/** The current value of the number that is plotted over time. */
export function followed({ spark, fields, components }) {
  if (!spark?.part || !exists(spark.mean.at(-1))) return null;
  const [mean, low, high] = [spark.mean, spark.low, spark.high].map((ys) => ys.at(-1));
  const one = { name: spark.part, mean, interval: exists(low) && exists(high) ? [low, high] : null };
  // The plot over time can be a few seconds old.
  const line = fields?.find(({ name }) => name === one.name);
  const part = components?.find(({ name }) => `share of ${name}` === one.name);
  if (part) one.mean = part.weight;
  const { mean: now, interval } = line ?? one;
  return { name: one.name, mean: now, interval, measured: measureOf(spark) };
}

/** A number, with its interval if it exists. */
export const oneOf = ({ mean, interval }, written) =>
  interval || !written.share ? written.text(mean) : probability(mean);

/** Values for display: shares in percent, logarithms as their exponentials. */
export function unfold(measured) {
  if (measured === LOG) return Math.exp;
  return measured === SHARE || measured === POINTS ? (x) => 100 * x : (x) => x;
}

/** How differences between numbers are written; differences between logarithms are ratios. */
export const differenceOf = (measured) => (measured === SHARE ? POINTS : measured);

/** Values for files: logarithms as their exponentials. */
export const plain = (measured) => (x) => (exists(x) ? (measured === LOG ? Math.exp(x) : x) : null);

/**
 * Formats the values of one belief: shares in percent, other values unchanged. The number of
 * digits suits an interval of this width.
 */
export function scale(measured, interval) {
  const share = measured === SHARE;
  const log = measured === LOG;
  const of = unfold(measured);
  const [low, high] = interval ? interval.map(of) : [NaN, NaN];
  const width = Math.abs(high - low);
  const far = Math.max(Math.abs(low), Math.abs(high));
  const plain = exists(width) && width > 0 && far < 1e9 && width > 1e-9;
  const digits = plain ? Math.min(11, Math.max(0, 1 - Math.floor(Math.log10(width)))) : null;
  const bare = (x, extra = 0) => {
    if (!exists(x)) return NONE;
    if (digits === null) return number(of(x), 4 + extra);
    return decimals(of(x), Math.max(0, digits + extra));
  };
  const unit = share ? " %" : measured === POINTS ? " points" : "";
  const sure = (x, places) =>
    share && x > 0 && x < 1 && [0, 100].includes(Number((100 * x).toFixed(places)));
  // A share is never rounded to certainty.
  const rounded = (x, extra = 0) => {
    if (digits === null || !sure(x, Math.max(0, digits + extra))) return bare(x, extra);
    const places = Math.min(12, digits + extra + 1);
    if (!sure(x, places)) return decimals(100 * x, places);
    const least = 10 ** -places;
    return x < 0.5 ? `< ${least.toFixed(places)}` : `> ${(100 - least).toFixed(places)}`;
  };
  return {
    share,
    log,
    unit,
    mean: log ? "median" : "mean",
    bare,
    text: (x, extra = 0) => (exists(x) ? `${rounded(x, extra)}${unit}` : NONE),
    range: (pair) => (pair ? `${rounded(pair[0])} to ${rounded(pair[1])}${unit}` : NONE),
  };
}

/** Labels of ticks, with as many decimals as the tick that needs the most. */
export function tickTexts(values, measured = "") {
  const share = measured === SHARE;
  const xs = values.map(unfold(measured));
  const step = xs.length > 1 ? Math.abs(xs[1] - xs[0]) : Math.abs(xs[0]);
  const far = Math.max(...xs.map(Math.abs));
  const unit = share ? " %" : "";
  if (!(step > 1e-9 && far < 1e9)) {
    const apart = Math.min(15, 2 + Math.ceil(Math.log10(far / step || 1)));
    return xs.map((x) => `${number(x, apart)}${unit}`);
  }
  const even = (digits) => (x) => Math.abs(x - Number(x.toFixed(digits))) < 1e-4 * step;
  let digits = 0;
  while (digits < 12 && !xs.every(even(digits))) digits += 1;
  return xs.map((x) => `${decimals(x, digits)}${unit}`);
}

export function rate(perSecond) {
  if (!exists(perSecond)) return NONE;
  if (3600 * perSecond < 0.1) return "0/s"; // the decaying rate never reaches 0
  if (perSecond >= 1) return `${number(perSecond, perSecond < 100 ? 3 : 4)}/s`;
  if (perSecond * 60 >= 1) return `${number(perSecond * 60, 2)}/min`;
  return `${number(perSecond * 3600, 2)}/h`;
}

/** Convert epoch seconds or an ISO 8601 string to milliseconds. */
export function moment(time) {
  if (exists(time)) return 1000 * time;
  const parsed = typeof time === "string" ? Date.parse(time) : NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

export function span(seconds) {
  if (!exists(seconds)) return NONE;
  const s = Math.max(0, seconds);
  if (s < 0.0995) return `${Math.round(1000 * s)} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 99.5) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

/** Format a growing time span, coarsely, so that the page does not change every second. */
export function age(seconds) {
  return seconds >= 10 && seconds < 99.5 ? `${10 * Math.floor(seconds / 10)} s` : span(seconds);
}

export function ago(time, now = Date.now()) {
  const ms = moment(time);
  if (ms === null) return "never";
  const seconds = (now - ms) / 1000;
  if (seconds < 2) return "now";
  return `${seconds < 10 ? "5 s" : age(seconds)} ago`;
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dated = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function when(time) {
  const ms = moment(time);
  if (ms === null) return NONE;
  return (Date.now() - ms < 43_200_000 ? clock : dated).format(ms);
}

// Characters that are invisible or change the direction of the text.
const INVISIBLE = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

const code = (sign) => `‹U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;

/** A string from events with its invisible characters shown, so that different strings look different. */
export function visible(text) {
  const blank = (spaces) => [...spaces].map(code).join("");
  return String(text).replace(INVISIBLE, code).replace(/^\s+$/, blank) || "(empty)";
}

/** The name of a key: the values of its fields. */
export function keyName(key, belief) {
  const texts = Array.isArray(key) ? key : [key];
  return texts.length ? texts.map(visible).join(" · ") : belief;
}

const END = 10;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/** The beginning of a name, which can be cut, and its end, which is always shown: keys often differ there. */
export function nameParts(name) {
  const signs = [...name];
  if (signs.length <= 2 * END || RIGHT_TO_LEFT.test(name)) return [name, ""];
  return [signs.slice(0, -END).join(""), signs.slice(-END).join("")];
}

/** Whether all values of a key are empty. */
export const nameless = (key) =>
  [key].flat().length > 0 && [key].flat().every((text) => text === "");

/** The format of observations under a likelihood: booleans are always yes or no. */
export function observed(likelihood) {
  return likelihood === "Bernoulli" ? (x) => observation(BITS.get(x) ?? x) : observation;
}

const BITS = new Map([
  [0, false],
  [1, true],
]);

/** An observation of any shape in one line. */
export function observation(x) {
  if (typeof x === "number") return exact(x);
  if (typeof x === "boolean") return x ? "true" : "false";
  if (x === null || x === undefined) return NONE;
  return visible(typeof x === "string" ? x : JSON.stringify(x));
}

/** A value of the parameter: a number, or several. */
export function parameter(at) {
  if (Array.isArray(at))
    return at
      .flat()
      .map((one) => number(one, 4))
      .join(", ");
  if (at && typeof at === "object")
    return Object.entries(at)
      .map(([name, one]) => `${name} ${number(one, 3)}`)
      .join(", ");
  return typeof at === "number" ? number(at, 4) : observation(at);
}
