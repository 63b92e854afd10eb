// One belief, for a frame on another page.

import { detailPath, get, part } from "./api.js";
import { h, setText } from "./dom.js";
import { Live } from "./live.js";
import { Card } from "./views/card.js";
import { failure, loading } from "./views/state.js";

const AROUND = 176; // of a card's height, what is not its chart

const [, , name, id] = location.pathname.split("/").map(decodeURIComponent);
const main = document.getElementById("main");
const live = new Live();
const word = h("span", { class: "embed-state", role: "status" });
let card = null;

async function show() {
  try {
    const [{ beliefs }, data] = await Promise.all([
      get("/api/beliefs"),
      get(`/api/beliefs/${part(name)}/${part(id)}`),
    ]);
    if (!card) build(beliefs.find((belief) => belief.name === name));
    card.update(data);
    document.title = `${card.title.textContent || id} · ${name}`;
    live.watch([[name, id]]);
  } catch (error) {
    if (!card) main.replaceChildren(failure(error, show));
  }
}

function build(belief) {
  card = new Card(belief, id, null);
  card.title.href = detailPath(name, id);
  card.title.target = "_top";
  card.element.querySelector("header").append(word);
  main.replaceChildren(card.element);
  const fit = () => {
    const { clientWidth, clientHeight } = card.element;
    card.resize(clientWidth, Math.max(70, clientHeight - AROUND));
  };
  new ResizeObserver(fit).observe(card.element);
  fit();
}

live.addEventListener("cards", ({ detail }) => {
  const news = detail.find((one) => one.belief === name && one.id === id);
  if (news) card?.update(news);
});
live.addEventListener("health", () => {
  card?.tick();
  say();
});
live.addEventListener("resync", show);
live.addEventListener("state", say);

function say() {
  const now = live.state === "live" ? live.health?.status : live.state;
  word.dataset.state = now;
  setText(
    word,
    {
      ok: "",
      live: "",
      stalled: "stalled",
      stopped: "ended",
      silent: "no signal",
      lost: "offline",
      connecting: "",
    }[now] ?? "",
  );
}

main.replaceChildren(loading("Loading the belief"));
show();
