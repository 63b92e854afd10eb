// Draws changes once per frame; if nothing has changed, nothing is drawn.

const dirty = new Map();
let planned = false;

/** Draw all pending changes now, for example before the page is printed. */
export function flush() {
  planned = false;
  const jobs = [...dirty.values()];
  dirty.clear();
  for (const job of jobs) job();
}

/** Draw something in the next frame; a later job of the same owner replaces an earlier one. */
export function paint(owner, job) {
  dirty.set(owner, job);
  if (planned) return;
  planned = true;
  requestAnimationFrame(flush);
}
