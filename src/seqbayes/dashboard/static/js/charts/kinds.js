// Which chart shows which beliefs.

import { Fields, Shares } from "./bars.js";
import { Components } from "./components.js";
import { Density } from "./density.js";

/** The chart that shows beliefs of a kind, or null where there is none. */
export function chartOf(kind, full = false) {
  if (kind === "number" || kind === "normal") return new Density({ full });
  // A card has room for so many lines above what is followed over time.
  if (kind === "labels") return new Shares({ most: full ? 13 : 6, estimates: true, full });
  if (kind === "mixture") return new Components({ full });
  return new Fields({ most: full ? 24 : 3 });
}
