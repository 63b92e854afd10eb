// No page has this address.

import { ApiError } from "../api.js";
import { failure } from "./state.js";

export class Lost {
  title = "No such page";

  mount() {}

  element = failure(new ApiError(`This site has no page ${location.pathname}.`, 404));

  unmount() {}
}
