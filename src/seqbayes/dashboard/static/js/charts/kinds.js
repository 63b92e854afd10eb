// The chart for each kind of belief; add the chart of a new kind here.

import { KINDS } from "../kinds.js";
import { Fields, Shares } from "./bars.js";
import { Components } from "./components.js";
import { Density } from "./density.js";

// A card has space for a few lines above the plot over time.
const CHARTS = {
  number: (full) => new Density({ full }),
  normal: (full) => new Density({ full }),
  labels: (full) => new Shares({ most: full ? 13 : 6, estimates: true, full }),
  mixture: (full) => new Components({ full }),
};

/** The chart for beliefs of a kind; named estimates for kinds without a chart. */
export function chartOf(kind, full = false) {
  return CHARTS[kind]?.(full) ?? new Fields({ most: full ? 24 : 3 });
}

/** Whether beliefs of a kind are about one number. */
export const isNumeric = (kind) => KINDS[kind]?.numeric ?? false;

/** The subject of a comparison of beliefs of a kind: "number", "share", or empty. */
export const compares = (kind) => KINDS[kind]?.compares ?? "";
