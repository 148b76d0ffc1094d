// A panic, a trap or a JavaScript exception that passes through Rust ends the WebAssembly instance.
// Every call that is under way in it fails at once with what it was, in place of hanging for ever;
// the next call starts a new instance, and Durable Objects that lived in the old one are
// constructed again from their storage. `app.$instance` counts the instances and `app.$aborted`
// says that the present one is spent, whoever noticed: wasm-bindgen's own guards look as well.
Error.stackTraceLimit = 100;

const pending = new Set();
// Why the present instance is no more, until it is replaced.
let death = null;

// The panic hook of the worker crate reports through console.error before the trap.
const report = console.error;
console.error = (...args) => {
  const [label, error] = args;
  if (label === "Critical" && error instanceof Error) {
    if (!app.$unwinds) die(error);
    report.call(console, error.stack ?? error.message);
  } else {
    report.apply(console, args);
  }
};

// Glue of older versions says it by itself.
app.$watch?.(die);

// What happens after a call has returned its promise ends here.
addEventListener("error", (event) => {
  if (app.$aborted) die(event.error);
});

function die(error) {
  if (death) return;
  // wasm-bindgen wraps an exception that was not meant for Rust.
  if (error?.message === "Critical error" && error.cause) error = error.cause;
  death = error;
  // Not before the trap has unwound the stack.
  queueMicrotask(() => {
    const calls = [...pending];
    pending.clear();
    for (const fail of calls) fail(error);
  });
}

function revive() {
  if (!death && !app.$aborted) return;
  death = null;
  app.__wbg_reset_state();
}

// A trap's own text ("unreachable") says less than the panic that led to it.
function explain(error) {
  if (app.$aborted) die(error);
  return death ?? error;
}

function construct(make) {
  revive();
  try {
    return make();
  } catch (error) {
    throw explain(error);
  }
}

function run(call) {
  revive();
  let result;
  try {
    result = call();
  } catch (error) {
    throw explain(error);
  }
  if (!(result instanceof Promise)) return result;
  return new Promise((resolve, reject) => {
    pending.add(reject);
    result.then(
      (value) => { pending.delete(reject); resolve(value); },
      (error) => { pending.delete(reject); reject(explain(error)); },
    );
  });
}

// What went wrong, as the answer: only while developing.
function answer(response) {
  return Promise.resolve(response).catch((error) => {
    report.call(console, `${error?.stack ?? error}`);
    return new Response(`${error?.message ?? error}\n`, {
      status: 500,
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    });
  });
}
