// The rate of a key is sent with its events only; it decays while none arrive.

const FADES = 10_000; // ms over which the server averages a key's rate
const LEAST = 0.01; // a second

/** The rate of a key some time after it was received. */
export function faded(rate, told) {
  const left = (rate ?? 0) * Math.exp((told - Date.now()) / FADES);
  return left < LEAST ? 0 : left;
}
