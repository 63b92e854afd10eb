// One stream of server-sent events for the whole page; it reconnects after a silence. A browser
// allows six connections per host over all tabs, so a hidden page closes its stream.

import { get, query } from "./api.js";

const SILENT_AFTER_MS = 2000; // the server sends a message every second
const TICK_MS = 1000; // ages also grow during a silence
const REOPEN_AFTER_MS = 6000;
const REST_AFTER_MS = 5000; // ms after which a hidden page closes its stream
const SETTLE_MS = 200; // scrolling changes the watched keys; the stream is updated when it stops
const RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 5000];

export class Live extends EventTarget {
  state = "connecting"; // live, silent or lost
  missed = false; // messages may have been missed
  reason = null; // the server's reason for rejecting the request
  retryAt = null;
  health = null;
  receivedAt = Date.now(); // when it arrived
  beliefs = null;
  since = Date.now();
  #server = null;
  #wanted = "";
  #opened = null;
  #source = null;
  #former = null;
  #retries = 0;
  #timers = {};
  #resting = document.hidden;

  constructor() {
    super();
    this.#tick();
    document.addEventListener("visibilitychange", () => {
      this.#after("rest", REST_AFTER_MS, document.hidden ? () => this.#rest() : null);
      if (!document.hidden && this.#resting) this.#wake();
    });
  }

  /** Watch the keys that are on screen, each as its belief and id, with intervals at a level. */
  watch(keys, level = null) {
    const watched = keys.map(([belief, id]) => `${belief}/${id}`);
    const wanted = query({ key: watched, top: 0, hz: 10, level });
    if (wanted === this.#wanted && this.#source) return;
    this.#wanted = wanted;
    this.#after("settle", this.#source ? SETTLE_MS : 0, () => {
      if (this.#wanted !== this.#opened) this.#open();
    });
  }

  /** The current value of an age reported by health. */
  aged(seconds) {
    return typeof seconds === "number" ? seconds + (Date.now() - this.receivedAt) / 1000 : seconds;
  }

  /** Reconnect immediately. */
  retry() {
    this.#retries = 0;
    this.#open();
  }

  #after(name, delay, act) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = act && setTimeout(act, delay);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #become(state) {
    if (this.state === state) return;
    const before = this.state;
    this.state = state;
    this.since = Date.now();
    this.#emit("state", { state, before });
  }

  #rest() {
    this.#resting = true;
    for (const name of ["silent", "retry", "settle"]) this.#after(name, 0, null);
    this.#close();
    this.missed = true;
  }

  #wake() {
    this.#resting = false;
    if (this.#wanted) this.#open();
  }

  #open() {
    if (this.#resting) return;
    this.#after("retry", 0, null);
    this.#former?.close();
    this.#former = this.#source; // remains in use until the new one sends data
    const source = new EventSource(`/api/stream${this.#wanted}`);
    this.#source = source;
    this.#opened = this.#wanted;
    const on = (type, act) =>
      source.addEventListener(type, (event) => {
        if (source !== this.#source) return;
        this.#received();
        act(JSON.parse(event.data));
      });
    on("hello", (data) => {
      this.#former?.close();
      this.#former = null;
      this.#hello(data);
    });
    on("cards", (data) => {
      this.#emit("cards", data.cards);
      if (data.gone?.length) this.#emit("gone", data.gone);
    });
    on("step", (data) => this.#emit("step", data));
    on("health", (data) => this.#updateHealth(data));
    source.addEventListener("error", () => {
      if (source === this.#source) this.#failed();
    });
    this.#watchdog();
  }

  #hello(data) {
    const again = this.#server !== null && (this.#server !== data.server || this.missed);
    this.#server = data.server;
    this.missed = false;
    this.beliefs = data.beliefs;
    this.#updateHealth(data.health);
    this.#emit("hello", data);
    if (again) this.#emit("resync", data);
  }

  #updateHealth(data) {
    this.health = data;
    this.receivedAt = Date.now();
    this.#emit("health", data);
    this.#tick();
  }

  // Emit a tick after every health message, and every second while no message arrives.
  #tick() {
    this.#after("tick", TICK_MS * 1.2, () => this.#tick());
    if (!document.hidden) this.#emit("tick");
  }

  #received() {
    this.#retries = 0;
    this.#watchdog();
    this.#become("live");
  }

  #watchdog() {
    this.#after("silent", SILENT_AFTER_MS, () => {
      if (this.state === "live") this.#become("silent");
      this.missed = true;
      this.#after("silent", REOPEN_AFTER_MS - SILENT_AFTER_MS, () => {
        this.#become("lost");
        this.#close();
        this.#open();
      });
    });
  }

  #close() {
    this.#source?.close();
    this.#former?.close();
    this.#former = null;
  }

  #failed() {
    this.missed = true;
    this.#become("lost");
    this.#after("silent", 0, null);
    this.#close();
    const delay = RETRY_DELAYS_MS[Math.min(this.#retries++, RETRY_DELAYS_MS.length - 1)];
    this.retryAt = Date.now() + delay;
    this.#emit("retry", delay);
    this.#after("retry", delay, () => this.#probe());
  }

  // An event source does not report why it failed; a request does (and redirects to the login).
  async #probe() {
    try {
      await get("/api/health");
      this.reason = null;
    } catch (error) {
      this.reason = error.status ? error.message : null;
    }
    this.#open();
  }
}
