// A belief on the overview: its name, its model, and one card per key.

import { query } from "../api.js";
import { h, setText } from "../dom.js";
import { count, things } from "../format.js";
import { Grid, columnsOf } from "./grid.js";
import { failure } from "./state.js";

export class Section {
  /**
   * @param {object} belief as GET /api/beliefs describes it
   * @param {object} options
   * @param {object} options.selection the keys selected for a comparison
   * @param {number} options.rows maximum number of rows
   * @param {boolean} options.alone whether no other belief is shown
   * @param {Function} options.changed called when other keys are on screen or keys were added
   * @param {Function} options.more called to show this belief alone
   */
  constructor(belief, { selection, rows, alone, changed, more }) {
    Object.assign(this, { belief, rows, alone });
    this.more = h(
      "a",
      { class: "button", href: `/${query({ belief: belief.name })}`, hidden: true },
      "",
    );
    this.more.addEventListener("click", (event) => {
      event.preventDefault();
      more();
    });
    this.number = h("span", { class: "muted" });
    this.nothing = h("p", { class: "nothing", hidden: true });
    this.wrong = h("div");
    this.grid = new Grid(belief, {
      selection,
      rows,
      changed: () => {
        this.#more();
        changed();
      },
      counted: () => {
        this.#counted();
        changed();
      },
      failed: (error) => this.#failed(error),
    });
    this.element = this.#element();
  }

  #element() {
    const { name, title, description, prior, likelihood, half_life: half, unit } = this.belief;
    const model = [prior, likelihood, half && `half-life ${half}`, unit && `in ${unit}`]
      .filter(Boolean)
      .join(" · ");
    return h(
      "section",
      { class: "belief", "aria-label": name },
      h(
        "header",
        null,
        h("h2", { title: description || null }, title || name),
        h("p", { class: "muted model", title: model }, model),
        this.number,
      ),
      this.grid.element,
      this.nothing,
      this.wrong,
      h("p", { class: "more" }, this.more),
    );
  }

  // Existing content is kept, and marked as outdated until the next response.
  #failed(error) {
    if (this.grid.total === null) {
      this.wrong.replaceChildren(failure(error, () => this.grid.refresh()));
      return;
    }
    this.element.classList.add("outdated");
    this.wrong.replaceChildren(
      h("p", { class: "hint outdated-note", role: "status" }, `Not up to date. ${error.message}`),
    );
  }

  #counted() {
    const { total, request } = this.grid;
    setText(this.number, things(total, "key"));
    this.element.hidden = request.search !== "" && total === 0;
    this.nothing.hidden = total !== 0;
    setText(this.nothing, "No data yet: the first event adds a card.");
    this.wrong.replaceChildren();
    this.element.classList.remove("outdated");
    this.pack();
  }

  #more() {
    const { total, columns } = this.grid;
    this.more.hidden = !(total - this.rows * columns > 0);
    setText(this.more, `Show all ${count(total)}`);
  }

  /** Place beliefs with few keys side by side. */
  pack() {
    const { total } = this.grid;
    if (total === null) return;
    const room = columnsOf(this.element.parentElement?.clientWidth ?? 0);
    const span = Math.max(1, total);
    const packed = !this.alone && span < room;
    const column = packed ? `span ${span}` : "";
    if (this.element.style.gridColumn === column) return;
    this.element.classList.toggle("packed", packed);
    this.element.style.gridColumn = column;
    requestAnimationFrame(() => this.grid.layout());
  }
}
