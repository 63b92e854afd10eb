// The page: selects the view for a URL, and owns the objects that all views share.

import { forget } from "./api.js";
import { h } from "./dom.js";
import { Live } from "./live.js";
import { Place } from "./place.js";
import { Selection } from "./selection.js";
import { Shell } from "./shell.js";
import { Lost, Unloaded } from "./views/lost.js";
import { again } from "./views/state.js";

const ROUTES = [
  [/^\/$/, () => import("./views/overview.js").then((m) => m.Overview)],
  [/^\/beliefs\/([^/]+)$/, () => import("./views/overview.js").then((m) => m.OneBelief)],
  [/^\/beliefs\/([^/]+)\/([^/]+)$/, () => import("./views/detail.js").then((m) => m.Detail)],
  [/^\/compare$/, () => import("./views/compare.js").then((m) => m.Compare)],
  [/^\/health$/, () => import("./views/health.js").then((m) => m.Health)],
  [/^\/replay\/mms$/, () => import("./views/mms.js").then((m) => m.Candies)],
  [/^\/replay\/coins$/, () => import("./views/coins.js").then((m) => m.Coins)],
];

class App {
  live = new Live();
  selection = new Selection();
  place = new Place();
  view = null;
  path = null;
  #turn = 0;

  start() {
    this.main = document.getElementById("main");
    this.shell = new Shell(this);
    this.selection.addEventListener("change", () => {
      for (const grid of this.view?.grids ?? []) grid.marks();
      for (const card of this.view?.pins?.values() ?? []) card.marks();
    });
    this.live.addEventListener("state", ({ detail }) => this.#recover(detail));
    addEventListener("popstate", () => this.show());
    document.addEventListener("click", (event) => this.#click(event));
    this.show();
  }

  // Retry failed requests when the server is available again.
  #recover({ state, before }) {
    if (state !== "live" || before === "connecting") return;
    if (this.view instanceof Unloaded) this.view.again();
    else again(this.main);
  }

  /** Go to a page of this site. */
  go(path) {
    this.place.keep();
    history.pushState(null, "", path);
    this.show();
  }

  #click(event) {
    const link = event.target.closest("a[href]");
    const plain =
      event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download"))
      return;
    if (link.getAttribute("aria-disabled") !== null) {
      event.preventDefault();
      return;
    }
    const to = new URL(link.href);
    if (to.origin !== location.origin || to.hash || /^\/(api|static|metrics|log)/.test(to.pathname))
      return;
    event.preventDefault();
    this.go(to.pathname + to.search);
  }

  async show() {
    const turn = ++this.#turn;
    const back = this.place.leave();
    const path = location.pathname;
    const [View, parameters] = await find(path);
    if (turn !== this.#turn) return;
    this.view?.unmount();
    const first = this.path === null;
    this.path = path;
    this.view = new View(this, parameters, new URLSearchParams(location.search));
    this.main.replaceChildren(this.view.element ?? h("div"));
    document.title = `${this.view.title} · seqbayes`;
    this.shell.current(path);
    this.shell.refreshTray();
    if (!first) {
      scrollTo(0, 0);
      this.main.focus({ preventScroll: true });
      this.shell.say(this.view.title);
    }
    if (!this.view.watches) this.live.watch([]);
    await this.view.mount();
    forget();
    if (turn === this.#turn) this.place.restore(back);
  }
}

/** The view of a URL, and its subject. */
async function find(path) {
  for (const [pattern, load] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return [await load().catch(() => Unloaded), match.slice(1).map(decode)];
  }
  return [Lost, []];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an invalid percent sign: the view reports that the name is unknown
  }
}

new App().start();
