// Durations: waiting for them, and how they read.

/** Resolves after so many milliseconds, or at once when the signal is aborted. */
export function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}

const SHORTEST = 200; // milliseconds
const LONGEST = 15_000;

/** Milliseconds before attempt number `attempt` (from 0): doubling, and anywhere between half and all of it. */
export function backOff(attempt, random = Math.random) {
  const most = Math.min(LONGEST, SHORTEST * 2 ** Math.min(attempt, 16));
  return most / 2 + (random() * most) / 2;
}

/** "0.4 s", "12 s", "3 min 20 s". */
export function duration(seconds) {
  const whole = Math.max(0, seconds);
  if (whole < 9.95) return `${whole.toFixed(1)} s`;
  if (whole < 60) return `${Math.round(whole)} s`;
  return `${Math.floor(whole / 60)} min ${Math.floor(whole % 60)} s`;
}

/** "1 file", "3 files". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
