// How often the module was instantiated before, and whether the present instance has ended.
export let $instance = 0, $aborted = false;

let $ended = () => {};
// Has `ended` called with the error whenever an instance ends.
export function $watch(ended) { $ended = ended; }

// An instance's exports. What leaves one of the functions as an exception has left Rust's stack as
// it was: the instance has ended, and calls that come late, of timers and finished promises, do
// nothing any more.
function $guard(exports) {
  const instance = $instance, guarded = {};
  let over = false;
  for (const [name, value] of Object.entries(exports)) {
    guarded[name] = typeof value !== "function" ? value : (...args) => {
      if (over) return;
      try {
        return value(...args);
      } catch (error) {
        // A panic that unwinds leaves nothing behind: only a trap ends the instance then.
        if (typeof $unwinds === "function" && !(error instanceof WebAssembly.RuntimeError)) throw error;
        over = true;
        if (instance === $instance) {
          $aborted = true;
          $ended(error);
        }
        throw error;
      }
    };
  }
  return guarded;
}

// Starts over with a new instance, and with glue that knows nothing of the old one's objects.
export function __wbg_reset_state() {
  $instance += 1;
  $aborted = false;
  $start();
}
