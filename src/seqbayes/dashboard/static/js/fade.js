// A key's rate is told with its events only; it fades where none come.

const FADES = 10_000; // ms over which the server averages a key's rate
const LEAST = 0.01; // a second

/** A key's rate some time after it was told. */
export function faded(rate, told) {
  const left = (rate ?? 0) * Math.exp((told - Date.now()) / FADES);
  return left < LEAST ? 0 : left;
}
