// The keys chosen for a comparison: of one belief, a handful.

import { query } from "./api.js";

export const MOST = 6;

export class Selection extends EventTarget {
  belief = null;
  ids = [];

  chosen(belief, id) {
    return this.belief === belief && this.ids.includes(id);
  }

  /** Choose a key, or leave it out again; keys of another belief start anew. */
  choose(belief, id) {
    if (this.belief !== belief) this.ids = [];
    this.belief = belief;
    if (this.ids.includes(id)) this.ids = this.ids.filter((one) => one !== id);
    else if (this.ids.length < MOST) this.ids = [...this.ids, id];
    else {
      this.dispatchEvent(new CustomEvent("full"));
      return;
    }
    this.dispatchEvent(new CustomEvent("change"));
  }

  clear() {
    this.ids = [];
    this.dispatchEvent(new CustomEvent("change"));
  }

  get path() {
    return `/compare${query({ belief: this.belief, keys: this.ids })}`;
  }
}
