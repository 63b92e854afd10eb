// Navigation between cards with arrow keys, even to cards in rows that have not been drawn yet.

const COLUMN_KEYS = { ArrowRight: 1, ArrowLeft: -1 };
const ROW_KEYS = { ArrowDown: 1, ArrowUp: -1 };
const LEVEL = 8; // px by which cards of one row may differ in height

/**
 * Cards in rows. Subclasses define `count`, `columns`, `boxOf(place)`, `placeOf(element)` and
 * `reach(place)`, which scrolls to a card and focuses it.
 */
export class Block {
  /** The place above or below, if there is one. */
  beside(place, down) {
    const row = Math.floor(place / this.columns) + down;
    const rows = Math.ceil(this.count / this.columns);
    if (row < 0 || row >= rows) return null;
    return Math.min(row * this.columns + (place % this.columns), this.count - 1);
  }

  /** The places of the first row, or of the last one. */
  edge(last) {
    const first = last ? this.columns * Math.floor((this.count - 1) / this.columns) : 0;
    const length = Math.min(this.columns, this.count - first);
    return Array.from({ length }, (_, i) => first + i);
  }
}

/** Move the focus by an arrow key; return false if there is no card in this direction. */
export function walk(key, card, blocks) {
  const filled = blocks.filter((block) => block.count > 0);
  const block = filled.find((one) => one.placeOf(card) >= 0);
  if (!block) return false;
  const place = block.placeOf(card);
  const found = COLUMN_KEYS[key]
    ? along(filled, block, place, COLUMN_KEYS[key])
    : ROW_KEYS[key] && below(filled, block, place, ROW_KEYS[key]);
  if (!found) return false;
  found[0].reach(found[1]);
  return true;
}

function along(blocks, block, place, step) {
  if (place + step >= 0 && place + step < block.count) return [block, place + step];
  const next = blocks[blocks.indexOf(block) + step];
  return next && [next, step > 0 ? 0 : next.count - 1];
}

function below(blocks, block, place, down) {
  const beside = block.beside(place, down);
  if (beside !== null) return [block, beside];
  const from = block.boxOf(place);
  const middle = from.left + from.width / 2;
  const found = blocks
    .filter((one) => one !== block)
    .flatMap((one) => one.edge(down < 0).map((at) => ({ one, at, box: one.boxOf(at) })))
    .map(({ one, at, box }) => ({
      to: [one, at],
      away: down * (box.top - from.top),
      aside: Math.abs(box.left + box.width / 2 - middle),
    }))
    .filter(({ away }) => away > LEVEL);
  const nearest = Math.min(...found.map(({ away }) => away));
  return found.filter(({ away }) => away < nearest + LEVEL).sort((a, b) => a.aside - b.aside)[0]
    ?.to;
}
