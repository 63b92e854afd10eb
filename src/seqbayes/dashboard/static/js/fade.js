// The rate of a key is sent only with its events; it decays while no event arrives.

const FADES = 10_000; // ms, the time constant of the server's average rate of a key
const LEAST = 0.01; // events per second

/** The rate of a key some time after it was received. */
export function faded(rate, receivedAt) {
  const left = (rate ?? 0) * Math.exp((receivedAt - Date.now()) / FADES);
  return left < LEAST ? 0 : left;
}
