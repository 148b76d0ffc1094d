// Stock tinybase clients in one process, driven line by line: commands on standard input, frames
// and answers on standard output, all JSON. Undefined is U+FFFC, as on the wire.
import {createInterface} from 'node:readline';
import {createMergeableStore} from 'tinybase/mergeable-store';
import {createCustomSynchronizer} from 'tinybase/synchronizers';

const UNDEFINED = '\uFFFC';
const write = (thing) => process.stdout.write(JSON.stringify(thing) + '\n');
const text = (thing) => JSON.stringify(thing, (_key, value) => (value === undefined ? UNDEFINED : value));
const read = (thing) =>
  thing === UNDEFINED
    ? undefined
    : Array.isArray(thing)
      ? thing.map(read)
      : thing && typeof thing == 'object'
        ? Object.fromEntries(Object.entries(thing).map(([id, child]) => [id, read(child)]))
        : thing;

const clients = {};
let later = 0;
const online = async (id) => {
  const client = clients[id];
  client.sync = createCustomSynchronizer(
    client.store,
    (to, requestId, message, body) =>
      write({from: id, to: to ?? '', message: text([requestId, message, body])}),
    (receive) => (client.receive = receive),
    () => {},
    5,
    undefined,
    undefined,
    (error) => write({error: String(error?.stack ?? error)}),
  );
  await client.sync.startSync();
};

const commands = {
  client: ({id}) => (clients[id] = {store: createMergeableStore(id, () => Date.now() + later)}),
  wait: ({ms}) => (later += ms),
  online: ({id}) => void online(id),
  offline: ({id}) => void clients[id].sync.destroy(),
  edit: ({id, op: [method, ...args]}) => clients[id].store[method](...args),
  frame: ({id, from, message}) => clients[id].receive(from, ...read(JSON.parse(message))),
  content: ({id}) =>
    write({content: text(clients[id].store.getMergeableContent()), plain: text(clients[id].store.getContent())}),
  settle: () => setTimeout(() => write({settled: true}), 10),
};

for await (const line of createInterface({input: process.stdin})) {
  const command = JSON.parse(line);
  commands[command.do](command);
}
process.exit(0);
