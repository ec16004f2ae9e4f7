import { failure } from "./errors.js";

/** Wait for a promise of the application's for so long, then reject with an Error. */
export function within(ms, promise, detail) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(detail)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits for what may never settle, as WebRTC does where an extension blocks it, until the signal aborts. */
export function giveUpOn(signal) {
  return (promise, detail) =>
    new Promise((resolve, reject) => {
      const stop = () => reject(detail ? failure("unreachable", detail, { retry: "after" }) : signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      promise.then(resolve, reject);
    });
}
