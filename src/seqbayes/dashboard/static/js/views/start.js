// Messages of the overview without cards.

import { h } from "../dom.js";
import { count, visible } from "../format.js";
import { empty } from "./state.js";

/** The message if there are no beliefs. */
export function none() {
  return empty(
    "No beliefs yet",
    h(
      "p",
      null,
      "This server has no beliefs. ",
      h("code", null, "seqbayes init"),
      " writes a configuration to start from.",
    ),
    h(
      "div",
      { class: "actions" },
      h("a", { class: "button primary", href: "/replay/mms" }, "Replay the M&M's"),
    ),
  );
}

/** The message if no key was found or there are no data. */
export function begin({ search, beliefs, source }) {
  const names = beliefs.length === 1 ? beliefs[0].name : `${count(beliefs.length)} beliefs`;
  if (search)
    return empty(
      `No key contains “${visible(search)}”`,
      h("p", null, `The keys of ${names} were searched.`),
    );
  return empty(
    "Waiting for the first event",
    h("p", null, `It adds the first card: ${names} ${beliefs.length === 1 ? "has" : "have"} no data yet.`),
    ...waiting(source, beliefs),
  );
}

function waiting(source, beliefs) {
  if (source?.kind === "http") return posting(source, beliefs);
  if (source?.mode === "store")
    return [h("p", null, "The runner writes to ", h("code", null, source.name), ".")];
  const path = /^file:(.*)/.exec(source?.name ?? "")?.[1];
  if (path) return [h("p", null, "Waiting for new lines in ", h("code", null, path), ".")];
  return source?.name
    ? [h("p", null, "Waiting for ", h("code", null, source.name), ".")]
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

// Quote for a shell: within single quotes only a single quote is special.
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
