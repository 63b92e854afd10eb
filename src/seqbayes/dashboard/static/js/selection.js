// The keys selected for a comparison, all from one belief. They are kept when a tab is reloaded.

import { query } from "./api.js";
import { read, write } from "./prefs.js";

export const MAX_COMPARED = 6;

export class Selection extends EventTarget {
  belief = null;
  ids = [];

  constructor() {
    super();
    const { belief, ids } = read("chosen", {}, "here");
    if (typeof belief !== "string" || !Array.isArray(ids)) return;
    this.belief = belief;
    this.ids = ids.filter((id) => typeof id === "string").slice(0, MAX_COMPARED);
  }

  chosen(belief, id) {
    return this.belief === belief && this.ids.includes(id);
  }

  /** Toggle a key; a key of another belief starts a new selection. */
  choose(belief, id) {
    if (this.belief !== belief) this.ids = [];
    this.belief = belief;
    if (this.ids.includes(id)) this.ids = this.ids.filter((one) => one !== id);
    else if (this.ids.length < MAX_COMPARED) this.ids = [...this.ids, id];
    else {
      this.dispatchEvent(new CustomEvent("full"));
      return;
    }
    this.#changed();
  }

  clear() {
    this.ids = [];
    this.#changed();
  }

  #changed() {
    write("chosen", { belief: this.belief, ids: this.ids }, "here");
    this.dispatchEvent(new CustomEvent("change"));
  }

  get path() {
    return `/compare${query({ belief: this.belief, keys: this.ids })}`;
  }
}
