// The frame of every page: navigation, health strip, banner, help.

import { button, h, icon, setText, svg } from "./dom.js";
import { age, count, rate, things } from "./format.js";
import { applyTheme, theme, toggleTheme } from "./prefs.js";
import { MAX_COMPARED } from "./selection.js";

const PAGES = [
  ["/", "Beliefs"],
  ["/compare", "Compare"],
  ["/health", "Health"],
  ["/replay/mms", "M&M’s"],
  ["/replay/coins", "Coins"],
];

const STATES = {
  connecting: "Connecting",
  live: "Live",
  quiet: "Quiet",
  stalled: "Stalled",
  stopped: "Stopped",
  ended: "Ended",
  silent: "No signal",
  lost: "Offline",
};

// Shapes, so that colour is not the only distinction.
const SHAPES = {
  connecting: "M2.5 6a3.5 3.5 0 1 1 3.5 3.5",
  live: "M6 10a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
  quiet: "M6 9.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  stalled: "M6 1.5 11 10.5H1z",
  silent: "M6 1.5 11 10.5H1z",
  stopped: "M2.5 2.500h7v7h-7z",
  ended: "M2.5 2.500h7v7h-7z",
  lost: "M2.5 2.500l7 7M9.5 2.500l-7 7",
};

export class Shell {
  constructor(app) {
    this.app = app;
    this.links = PAGES.map(([href, text]) => h("a", { href }, text));
    this.theme = button("Dark or light", {
      icon: "moon",
      iconOnly: true,
      kind: "quiet",
      onclick: toggleTheme,
    });
    const help = button("Keyboard", {
      kind: "quiet icon-only help",
      onclick: () => this.dialog.showModal(),
    });
    help.replaceChildren("?");
    help.setAttribute("aria-label", "Keyboard shortcuts");
    this.banner = h("div", { class: "banner", role: "status", hidden: true });
    this.dialog = shortcuts();
    this.tray = h("aside", {
      class: "tray",
      "aria-label": "Selected for a comparison",
      hidden: true,
    });
    this.announcer = h("p", { class: "visually-hidden", role: "status" });
    const bar = h(
      "div",
      { class: "bar" },
      h(
        "a",
        { class: "brand", href: "/", "aria-label": "seqbayes" },
        logo(),
        h("span", null, "seqbayes"),
      ),
      h("nav", { "aria-label": "Pages" }, ...this.links),
      this.theme,
      help,
    );
    document.getElementById("top").replaceChildren(bar, this.#strip(), this.banner);
    document.body.append(this.tray, this.dialog, this.announcer);
    this.#listen();
    this.#health();
    applyTheme();
  }

  #strip() {
    const item = (name, text, href) => {
      const value = h("b", null, "–");
      const label = h("span", null, text);
      const content = [value, " ", label];
      const element = h("li", { class: name }, ...(href ? [h("a", { href }, ...content)] : content));
      return { value, label, element };
    };
    this.statusIcon = svg("path", { "stroke-width": 2, "stroke-linecap": "round" });
    this.state = h("span");
    this.live = h(
      "li",
      { class: "state" },
      svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, this.statusIcon),
      this.state,
    );
    this.items = {
      rate: item("rate", "events"),
      lag: item("lag", "behind"),
      commit: item("commit", "since commit"),
      dead: item("dead", "dead letters", "/health"),
      reconnects: item("reconnects", "reconnects"),
      clients: item("clients", "watching"),
      source: item("source", ""),
    };
    return h(
      "div",
      { class: "strip" },
      h(
        "ul",
        { "aria-label": "Health of the stream", tabindex: 0 },
        this.live,
        ...Object.values(this.items).map(({ element }) => element),
      ),
    );
  }

  #listen() {
    const { live, selection } = this.app;
    live.addEventListener("tick", () => this.#health());
    live.addEventListener("state", ({ detail }) => this.#state(detail));
    live.addEventListener("retry", () => this.#show());
    selection.addEventListener("change", () => this.#choice());
    selection.addEventListener("full", () =>
      this.say(`At most ${MAX_COMPARED} keys are compared at once.`),
    );
    addEventListener("theme", () => {
      const dark = theme() === "dark";
      this.theme.replaceChildren(icon(dark ? "sun" : "moon"));
      this.theme.setAttribute("aria-label", dark ? "Light theme" : "Dark theme");
      this.theme.title = dark ? "Light theme" : "Dark theme";
    });
    addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea, dialog");
      if (event.key === "?" && !typing) this.dialog.showModal();
    });
  }

  /** Announce a message to screen readers once. */
  say(text) {
    this.announcer.textContent = "";
    setTimeout(() => setText(this.announcer, text), 60);
  }

  current(path) {
    for (const link of this.links) {
      const to = link.getAttribute("href");
      const here = to === "/" ? path === "/" || path.startsWith("/beliefs/") : path === to;
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #now() {
    const { state, health } = this.app.live;
    if (state !== "live") return state;
    return health && health.status !== "ok" ? health.status : "live";
  }

  #health() {
    const health = this.app.live.health ?? {};
    const { rate: speed, lag, commit, dead, reconnects, clients, source } = this.items;
    setText(speed.value, rate(health.rate));
    setText(lag.value, count(health.lag));
    setText(commit.value, age(this.app.live.aged(health.commit_age)));
    setText(dead.value, count(health.dead_letters));
    setText(dead.label, health.dead_letters === 1 ? "dead letter" : "dead letters");
    setText(reconnects.value, count(health.reconnects));
    setText(reconnects.label, health.reconnects === 1 ? "reconnect" : "reconnects");
    setText(clients.value, count(health.clients));
    setText(source.value, sourceName(health.source));
    dead.element.classList.toggle("bad", health.dead_letters > 0);
    document.body.toggleAttribute("data-stories", health.source?.mode === "replay");
    this.#show();
  }

  #state({ state, before }) {
    if (state === "live" && (before === "lost" || before === "silent")) this.#back();
    this.#show();
  }

  #back() {
    this.recovered = true;
    clearTimeout(this.calm);
    this.calm = setTimeout(() => {
      this.recovered = false;
      this.#show();
    }, 2500);
  }

  #show() {
    const now = this.#now();
    const { health } = this.app.live;
    const ended = now === "stopped" && !health?.error; // no problem
    const shown = now === "live" && health?.quiet ? "quiet" : ended ? "ended" : now;
    if (this.live.dataset.state !== shown) {
      this.live.dataset.state = shown;
      setText(this.state, STATES[shown] ?? shown);
      this.statusIcon.setAttribute("d", SHAPES[shown] ?? SHAPES.stopped);
      const hollow = ["connecting", "lost", "quiet"].includes(shown);
      this.statusIcon.setAttribute("fill", hollow ? "none" : "currentcolor");
      this.statusIcon.setAttribute("stroke", hollow ? "currentcolor" : "none");
    }
    const message = this.#message(now);
    if (document.body.dataset.connection !== now) document.body.dataset.connection = now;
    if (message === this.message) return;
    this.message = message;
    this.banner.hidden = !message;
    if (!message) return;
    const again = now === "lost" || now === "silent";
    const bad = now === "lost" || (now === "stopped" && this.app.live.health?.error);
    this.banner.className = bad ? "banner bad" : "banner";
    this.banner.replaceChildren(
      icon(message === RECONNECTED_NOTE ? "check" : "alert"),
      h("span", null, message),
      again ? button("Try now", { onclick: () => this.app.live.retry() }) : "",
    );
  }

  #message(now) {
    const { live } = this.app;
    if (now === "lost") {
      const why = live.reason
        ? `The server rejects the request: ${live.reason}`
        : "The connection to the server is lost.";
      const received = new Date(live.receivedAt).toLocaleTimeString("en-GB");
      return `${why} The data are from ${received}; this page keeps retrying.`;
    }
    if (now === "silent") return "The server has not sent any message for two seconds.";
    const error = live.health?.error;
    const because = error ? ` ${sentence(error)}` : "";
    if (now === "stalled") return `The source is stalled.${because} The beliefs do not change.`;
    if (now === "stopped") {
      const store = live.health?.source?.mode === "store";
      const what = store ? "No runner is writing to this store." : "The source has ended.";
      return `${what}${because} The beliefs do not change.`;
    }
    return this.recovered ? RECONNECTED_NOTE : null;
  }

  #choice() {
    const { selection } = this.app;
    const n = selection.ids.length;
    this.tray.hidden = n === 0 || this.app.path === "/compare";
    this.tray.replaceChildren(
      h("b", null, `${things(n, "key")} of ${selection.belief}`),
      h(
        "a",
        { class: "button primary", href: selection.path },
        n < 2 ? "Select one more" : "Compare",
      ),
      button("Clear", { kind: "quiet", onclick: () => selection.clear() }),
    );
    this.tray.querySelector("a").toggleAttribute("aria-disabled", n < 2);
  }

  refreshTray() {
    this.#choice();
  }
}

const RECONNECTED_NOTE = "Reconnected; everything is up to date.";

/** A message of the server as a sentence. */
export function sentence(text) {
  const trimmed = String(text).trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export function sourceName(source) {
  if (!source) return "";
  if (typeof source === "string") return source;
  return String(source.name ?? source.path ?? source.kind ?? "");
}

function logo() {
  return svg(
    "svg",
    { viewBox: "0 0 30 20", "aria-hidden": "true" },
    svg("path", { d: "M1 18C8 18 7 11 12 11S16 18 27 18", class: "d-prior" }),
    svg("path", { d: "M3 18C12 18 12 2 17.5 2S22 18 29 18", class: "d-posterior" }),
  );
}

function shortcuts() {
  const keys = [
    ["/", "search keys"],
    ["← ↑ ↓ →", "move between the cards"],
    ["p", "pin or unpin the card"],
    ["c", "compare the card"],
    ["Space", "play or pause a replay"],
    ["→", "one step of a replay"],
    ["r", "replay from the start"],
    ["?", "this help"],
  ];
  const title = h("h2", { id: "keys" }, "Keyboard");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "keys" },
    title,
    h(
      "dl",
      null,
      ...keys.flatMap(([key, what]) => [h("dt", null, h("kbd", null, key)), h("dd", null, what)]),
    ),
    button("Close", { onclick: () => dialog.close() }),
  );
  return dialog;
}
