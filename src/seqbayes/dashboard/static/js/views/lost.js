// The page for an unknown URL, or for a view that could not be loaded.

import { ApiError } from "../api.js";
import { failure } from "./state.js";

export class Lost {
  title = "Page not found";

  mount() {}

  element = failure(new ApiError(`The page ${location.pathname} does not exist.`, 404));

  unmount() {}
}

export class Unloaded {
  title = "Not loaded";

  constructor(app) {
    this.app = app;
    this.element = failure(new ApiError("The server does not respond.", 0), () => this.again());
  }

  mount() {}

  // Browsers may cache a failed import until the page is reloaded.
  again() {
    if (this.app.live.state === "live") location.reload();
    else this.app.show();
  }

  unmount() {}
}
