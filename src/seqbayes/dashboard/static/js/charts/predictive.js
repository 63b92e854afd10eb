// The predictive distribution of the next observation.

import { h, setAttribute, svg } from "../dom.js";
import { number, observation, probability, tickTexts } from "../format.js";
import { area, greatest, line, linear, ticks } from "./axis.js";
import { chances } from "./bars.js";

const FEW_VALUES = 8;
const MAX_BARS = 24;

export function predictive(given, formatObservation = observation) {
  if (!given?.x?.length)
    return h("p", { class: "nothing" }, "This belief does not predict a single number or label.");
  return given.kind === "pdf" ? density(given) : bars(given, formatObservation);
}

function bars({ x, p }, nameOf) {
  if (x.length <= FEW_VALUES) return chances(x.map((value, i) => ({ name: nameOf(value), p: p[i] })));
  const most = greatest(p) || 1;
  const shown = x.slice(0, MAX_BARS);
  const list = h(
    "ul",
    { class: "pmf" },
    ...shown.map((value, i) => {
      const bar = h("i", { "aria-hidden": "true" });
      bar.style.height = `${(100 * (p[i] ?? 0)) / most}%`;
      const name = nameOf(value);
      const text = probability(p[i], p[i] < 0.0995 ? 2 : 1);
      return h(
        "li",
        { title: `${name}: ${text}` },
        h("b", { class: "visually-hidden" }, text),
        h("div", { class: "pmf-bar" }, bar),
        h("span", null, name),
      );
    }),
  );
  const rest = x.length - shown.length;
  return rest > 0 ? h("div", null, list, h("p", { class: "hint" }, `and ${rest} more`)) : list;
}

function density({ x, p }) {
  const width = 400;
  const height = 110;
  const root = svg("svg", {
    class: "lines",
    role: "img",
    width: "100%",
    viewBox: `0 0 ${width} ${height}`,
  });
  const sx = linear([x[0], x.at(-1)], [0, width]);
  const sy = linear([0, greatest(p) || 1], [height - 20, 4]);
  const marks = ticks(sx.domain, 5);
  const texts = tickTexts(marks);
  const labels = marks.map((value, i) =>
    svg(
      "text",
      { x: Math.min(Math.max(sx(value), 14), width - 14), y: height - 4, "text-anchor": "middle" },
      texts[i],
    ),
  );
  root.append(
    svg("path", { class: "p-fill", d: area(x, p, sx, sy) }),
    svg("path", { class: "p-line", d: line(x, p, sx, sy) }),
    svg("line", { class: "d-base", x1: 0, x2: width, y1: height - 20, y2: height - 20 }),
    ...labels,
  );
  const peak = p.indexOf(Math.max(...p));
  setAttribute(root, "aria-label", `Predictive density, highest at ${number(x[peak])}`);
  return root;
}
