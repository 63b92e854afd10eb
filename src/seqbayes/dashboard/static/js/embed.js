// One belief, for a frame on another page. It polls instead of opening a stream, since a
// page may have many frames, and browsers open only six connections to a host.

import { detailPath, get, part, query } from "./api.js";
import { h, setText, unit } from "./dom.js";
import { keyName } from "./format.js";
import { levelOf, parameter } from "./level.js";
import { Card } from "./views/card.js";
import { failure, loading } from "./views/state.js";

const CARD_FRAME_HEIGHT = 176; // height of a card without its chart
const POLL_MS = 1500;
const FIRST_POLL_MS = 10_000; // ms between two polls before the first data
const TIMEOUT_MS = 4000;

const [, , name, id] = location.pathname.split("/").map(decodeURIComponent);
const level = parameter(levelOf(new URLSearchParams(location.search)));
const main = document.getElementById("main");
const word = h("span", { class: "embed-state", role: "status" });
let card = null;
let asking = false;
let planned = null;

async function ask() {
  if (asking || document.hidden) return;
  asking = true;
  clearTimeout(planned);
  try {
    await show(AbortSignal.timeout(TIMEOUT_MS));
  } catch (error) {
    if (card) say(error.status === 404 ? "gone" : "lost");
    else main.replaceChildren(failure(error, ask));
  }
  asking = false;
  planned = setTimeout(ask, card ? POLL_MS : FIRST_POLL_MS);
}

async function show(signal) {
  const [listed, data, health] = await Promise.all([
    card ? null : get("/api/beliefs", signal),
    get(`/api/beliefs/${part(name)}/${part(id)}${query({ level })}`, signal),
    get("/api/health", signal),
  ]);
  if (!card) build(listed.beliefs.find((belief) => belief.name === name));
  card.update(data);
  document.title = `${keyName(data.key, name)} · ${name}`;
  say(health.status);
}

function build(belief) {
  card = new Card(belief, id, null, { named: true });
  card.title.href = detailPath(name, id);
  card.title.target = "_top";
  card.element.querySelector("header").append(word);
  main.replaceChildren(card.element);
  const fit = () => {
    const { clientWidth, clientHeight } = card.element;
    card.resize(clientWidth, Math.max(70, clientHeight - CARD_FRAME_HEIGHT * unit()));
  };
  new ResizeObserver(fit).observe(card.element);
  fit();
}

function say(now) {
  word.dataset.state = now;
  setText(word, { stalled: "stalled", stopped: "ended", lost: "offline", gone: "gone" }[now] ?? "");
}

document.addEventListener("visibilitychange", ask);
main.replaceChildren(loading("Loading the belief"));
ask();
