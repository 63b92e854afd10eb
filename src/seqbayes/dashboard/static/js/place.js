// The scroll position and focused card of a page, kept in the tab's history.

const REST_MS = 150; // ms without scrolling after which the position is saved
const RESTORE_MS = 30_000; // the content is loaded in parts, which takes long over a slow connection

export class Place {
  #moving = false;
  #timer = null;
  #stop = null;

  constructor() {
    history.scrollRestoration = "manual";
    const soon = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.keep(), REST_MS);
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("focusin", soon);
    addEventListener("pagehide", () => this.keep());
  }

  /** Save the position, unless another page is about to be shown. */
  keep() {
    clearTimeout(this.#timer);
    if (this.#moving) return;
    const { belief, id } = document.activeElement?.closest(".card")?.dataset ?? {};
    history.replaceState({ ...history.state, y: scrollY, belief, id }, "");
  }

  /** Return the saved position of the next page. */
  leave() {
    clearTimeout(this.#timer);
    this.#stop?.abort();
    this.#moving = true;
    return history.state;
  }

  /** Restore the scroll position as soon as the page is long enough, unless the user scrolls. */
  restore(back) {
    const { y = 0, belief, id } = back ?? {};
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const end = () => {
      this.#stop.abort();
      this.#moving = false;
    };
    if (!y && !id) {
      end();
      return;
    }
    for (const hand of ["wheel", "touchmove", "keydown", "pointerdown"])
      addEventListener(hand, end, { signal, passive: true });
    const until = performance.now() + RESTORE_MS;
    const step = () => {
      if (signal.aborted) return;
      if (Math.abs(scrollY - y) > 1) scrollTo(0, y);
      const there = Math.abs(scrollY - y) <= 1;
      const found = !id || (there && focusCard(belief, id));
      if ((there && found) || performance.now() > until) end();
      else requestAnimationFrame(step);
    };
    step();
  }
}

function focusCard(belief, id) {
  const cards = [...document.querySelectorAll(".card[data-id]")].filter(
    ({ dataset }) => dataset.belief === belief && dataset.id === id,
  );
  const link = cards.at(-1)?.querySelector("a");
  link?.focus({ preventScroll: true });
  return Boolean(link);
}
