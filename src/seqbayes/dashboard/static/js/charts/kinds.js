// The chart of each kind of belief, and its place on a card. A new kind needs an entry only here.

import { KINDS } from "../kinds.js";
import { Fields, Shares } from "./bars.js";
import { Components } from "./components.js";
import { Density } from "./density.js";

const SPARK = 34; // px

const LAYOUTS = {
  number: { chart: (full) => new Density({ full }) },
  normal: { chart: (full) => new Density({ full }) },
  hurdle: { chart: (full) => new Density({ full }) },
  // six labels leave less room for the plot over time
  labels: { chart: (full) => new Shares({ most: full ? 13 : 6, estimates: true, full }), spark: 20 },
  mixture: { chart: (full) => new Components({ full }), extra: 6 },
};

/** The chart for beliefs of a kind; named estimates for kinds without a chart. */
export function chartOf(kind, full = false) {
  return LAYOUTS[kind]?.chart(full) ?? new Fields({ most: full ? 24 : 3 });
}

/** Height of the plot over time on a card, and additional height of the chart. */
export function layoutOf(kind) {
  const { spark = SPARK, extra = 0 } = LAYOUTS[kind] ?? {};
  return { spark, extra };
}

/** Whether beliefs of a kind are about one number. */
export const isNumeric = (kind) => KINDS[kind]?.numeric ?? false;

/** Whether the steps of Bayes' rule are shown for beliefs of a kind. */
export const stepwise = (kind) => KINDS[kind]?.stepwise ?? false;

/** The subject of comparisons between beliefs of a kind: "number", "share", or empty. */
export const compares = (kind) => KINDS[kind]?.compares ?? "";
