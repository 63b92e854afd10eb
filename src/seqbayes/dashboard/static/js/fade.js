// The rate of a key is sent only when the key has events; between events, the page lets it decay.

const FADE_MS = 10_000; // ms, the time constant of the server's average rate of a key
const MIN_RATE = 0.01; // events per second

/** The rate of a key some time after it was received. */
export function faded(rate, receivedAt) {
  const left = (rate ?? 0) * Math.exp((receivedAt - Date.now()) / FADE_MS);
  return left < MIN_RATE ? 0 : left;
}
