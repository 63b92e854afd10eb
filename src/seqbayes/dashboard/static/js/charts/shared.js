// One horizontal axis for all cards of a belief, so that they can be compared at a glance.

import { at } from "./axis.js";

const WIDE_RATIO = 8; // multiple of the median width above which a card does not affect the axis
const MIN_USED_SHARE = 0.7; // share of the axis that must be used; otherwise the axis is adapted
const POINTS = 160; // of the prior

/**
 * The axis of several cards of one belief.
 *
 * A card that is much wider than the others is cut off, but its mean stays visible. An axis that
 * still suits the cards is kept, so that curves do not move with every event.
 *
 * @param {object[]} cards
 * @param {object} chart the chart of these cards; `extent(card)` returns null or { low, high, mean },
 * or an object without `mean` if the card must not be cut off
 * @param {object|null} before the previous axis
 * @returns {object|null} the domain, and the prior along it; null for a single card
 */
export function sharedAxis(cards, chart, before) {
  const extents = cards.map((card) => chart.extent(card)).filter(Boolean);
  if (extents.length < 2) return null;
  const widths = extents.map(({ low, high }) => high - low).sort((a, b) => a - b);
  const most = WIDE_RATIO * widths[Math.floor((widths.length - 1) / 2)];
  const ends = extents.flatMap(({ low, high, mean }) =>
    mean === undefined || high - low <= most ? [low, high] : (mean ?? []),
  );
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (!(low < high)) return null;
  const [first, last] = before?.domain ?? [NaN, NaN];
  if (first <= low && last >= high && high - low >= MIN_USED_SHARE * (last - first)) return before;
  return { domain: [low, high], prior: priorOf(cards, low, high) };
}

// Each card has a part of the same prior; together they cover the whole axis.
function priorOf(cards, low, high) {
  const curves = cards.map(({ density }) => density).filter((density) => density?.prior);
  if (!curves.length) return null;
  const x = Array.from({ length: POINTS + 1 }, (_, i) => low + ((high - low) * i) / POINTS);
  curves.sort((a, b) => a.x.at(-1) - a.x[0] - (b.x.at(-1) - b.x[0])); // the finest first
  const y = x.map((place) => {
    const known = curves.find((one) => one.x[0] <= place && place <= one.x.at(-1));
    return known ? at(known.x, known.prior, place) : null;
  });
  return { x, y };
}
