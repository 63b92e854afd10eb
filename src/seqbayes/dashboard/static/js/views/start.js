// What the overview says before there is a card.

import { h } from "../dom.js";
import { count, visible } from "../format.js";
import { empty } from "./state.js";

/** There is no belief. */
export function none() {
  return empty(
    "No beliefs yet",
    h(
      "p",
      null,
      "This server keeps none. ",
      h("code", null, "seqbayes init"),
      " writes a configuration to start from.",
    ),
    h(
      "div",
      { class: "actions" },
      h("a", { class: "button primary", href: "/replay/mms" }, "Eat some M&M's meanwhile"),
    ),
  );
}

/** No key is found, or none has come yet. */
export function begin({ search, beliefs, source }) {
  const names = beliefs.length === 1 ? beliefs[0].name : `${count(beliefs.length)} beliefs`;
  if (search)
    return empty(
      `No key contains “${visible(search)}”`,
      h("p", null, `The texts of keys were searched, of ${names}.`),
    );
  return empty(
    "Waiting for the first event",
    h("p", null, `It brings the first card: of ${names} nothing was seen yet.`),
    ...waiting(source, beliefs),
  );
}

function waiting(source, beliefs) {
  if (source?.kind === "http") return posting(source, beliefs);
  if (source?.mode === "store")
    return [h("p", null, "A run writes it to ", h("code", null, source.name), ".")];
  const path = /^file:(.*)/.exec(source?.name ?? "")?.[1];
  if (path) return [h("p", null, "New lines are awaited in ", h("code", null, path), ".")];
  return source?.name
    ? [h("p", null, "It is awaited from ", h("code", null, source.name), ".")]
    : [];
}

function posting(source, beliefs) {
  const { example } = beliefs[0];
  const sent = source.id ? { [source.id]: 1, ...example } : example;
  const command = [
    `curl ${location.origin}/api/events`,
    '  -H "Authorization: Bearer $SEQBAYES_TOKEN"',
    '  -H "Content-Type: application/json"',
    `  -d ${quoted(JSON.stringify(sent))}`,
  ].join(" \\\n");
  return [
    h("p", null, "Post one, with the token that the server printed when it started:"),
    h("pre", null, h("code", null, command)),
  ];
}

// As a shell takes it: nothing in single quotes means anything but another one.
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
