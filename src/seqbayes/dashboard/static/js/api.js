// Requests to the server's JSON API, with errors as text.

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not respond.", 0);
  }
  if (answer.status === 401) {
    const here = location.pathname + location.search + location.hash;
    location.assign(`/login?next=${encodeURIComponent(here)}`);
    throw new ApiError("A token is required.", 401);
  }
  let body = null;
  try {
    body = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(`The server responded with status ${answer.status} without JSON.`, answer.status);
  }
  if (!answer.ok) {
    const message =
      typeof body?.error === "string" ? body.error : `The server responded with status ${answer.status}.`;
    throw new ApiError(message, answer.status);
  }
  return body;
}

export const part = encodeURIComponent;

export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") search.append(name, one);
    }
  }
  const text = search.toString();
  return text && `?${text}`;
}

// Responses embedded in the page. Each is used once, by the first view.
const given = new Map(Object.entries(JSON.parse(document.getElementById("data")?.textContent ?? "{}")));

export async function get(path, signal) {
  const answer = given.get(path);
  if (!given.delete(path)) return call(path, { signal });
  return answer;
}

/** Discard the responses embedded in the page, which become outdated. */
export const forget = () => given.clear();

export const post = (path, body, signal) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

export const detailPath = (belief, id) => `/beliefs/${part(belief)}/${part(id)}`;
