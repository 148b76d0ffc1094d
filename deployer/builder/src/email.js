
// In dev a message comes from another worker, and what a handler does with it are calls back there.
// One that the handler does not wait for, such as its last `setReject`, must not end with it.
async function settle(message, handle) {
  const calls = [];
  const called = (name) => (...args) => {
    const call = message[name](...args);
    calls.push(call);
    return call;
  };
  const { from, to, raw, rawSize, headers } = message;
  const setReject = called("setReject"), forward = called("forward"), reply = called("reply");
  const result = await handle({ from, to, raw, rawSize, headers, setReject, forward, reply });
  await Promise.allSettled(calls);
  return result;
}
