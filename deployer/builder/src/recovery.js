// A panic or trap ends the WebAssembly instance. Every call that is under way in it fails at once
// with the panic's text, in place of hanging for ever; the next call starts a new instance, and
// Durable Objects that lived in the old one are constructed again from their storage.
Error.stackTraceLimit = 100;

const pending = new Set();
// Counts the instances; an object made in an earlier life is stale.
let life = 0;
// Why the present instance is no more, until it is replaced.
let death = null;

// The panic hook of the worker crate reports through console.error before the trap.
const report = console.error;
console.error = (...args) => {
  const [label, error] = args;
  if (label === "Critical" && error instanceof Error) {
    die(error);
    report.call(console, error.stack ?? error.message);
  } else {
    report.apply(console, args);
  }
};

addEventListener("error", (event) => {
  if (isTrap(event.error)) die(event.error);
});

function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError
    || (error instanceof RangeError && /call stack/.test(error.message));
}

function die(error) {
  if (death) return;
  death = error;
  // Not before the trap has unwound the stack.
  queueMicrotask(() => {
    const calls = [...pending];
    pending.clear();
    for (const fail of calls) fail(error);
  });
}

function revive() {
  if (!death) return;
  death = null;
  life++;
  app.__wbg_reset_state();
}

// A trap's own text ("unreachable") says less than the panic that led to it.
function explain(error) {
  if (isTrap(error)) {
    die(error);
    return death;
  }
  return error;
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
