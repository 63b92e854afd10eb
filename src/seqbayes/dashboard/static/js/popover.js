// Places popovers next to the element that opens them.

const GAP = 4; // px to the element
const MARGIN = 8; // px to the edges of the window

/** Place an open popover below an element, or above it if there is no room. */
export function placeAt(popover, anchor) {
  const { left, right, top, bottom } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const widest = innerWidth - width - MARGIN;
  const start = (left + right) / 2 < innerWidth / 2 ? left : right - width;
  const below = bottom + GAP + height < innerHeight;
  popover.style.left = `${Math.max(MARGIN, Math.min(start, widest))}px`;
  popover.style.top = `${below ? bottom + GAP : Math.max(MARGIN, top - height - GAP)}px`;
}
