// npm tinybase's part of `cargo bench -p todo-tinybase`: does with the texts in the given folder
// what the Rust part does, and prints milliseconds and bytes as JSON.
import {readFileSync} from 'node:fs';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {createMergeableStore} from 'tinybase/mergeable-store';
import {createCustomSynchronizer} from 'tinybase/synchronizers';

const [folder, rounds, now] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const text = (name) => readFileSync(`${folder}/${name}`, 'utf8');
const make = (id, ...contents) => {
  const store = createMergeableStore(id, () => now);
  contents.forEach((content) => store.applyMergeableChanges(JSON.parse(content)));
  return store;
};
const best = (prepare, run) => {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const prepared = prepare();
    const start = performance.now();
    run(prepared);
    least = Math.min(least, performance.now() - start);
  }
  return least;
};

const todos = text('todos.json');
const others = text('others.json');
const edits = text('edits.json');
const singles = text('singles.txt').split('\n');
const missing = text('missing.json');
const content = text('content.json');
const out = {};

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
gc();
const before = process.memoryUsage();
const held = make('held', todos);
gc();
const after = process.memoryUsage();
out.memory = after.heapUsed + after.external - before.heapUsed - before.external;

out.restore = best(() => createMergeableStore('a', () => now), (store) =>
  store.setMergeableContent(JSON.parse(content)));
out.batch = best(() => make('a', todos), (store) => store.applyMergeableChanges(JSON.parse(edits)));
out.singles = best(() => make('a', todos), (store) =>
  singles.forEach((single) => store.applyMergeableChanges(JSON.parse(single))));
out.merge = best(() => [make('a', todos), make('b', others)], ([a, b]) => a.merge(b));
out.hashes = held.getMergeableContentHashes();

// The server's share of a pull by a client that lacks what is in missing.json.
const client = make('client', todos);
let receive;
let answers = [];
const server = make('server', todos, missing);
await createCustomSynchronizer(
  server,
  (_to, ...message) => answers.push(JSON.stringify(message)),
  (receiver) => (receive = receiver),
  () => {},
  1,
);
const questions = [
  JSON.stringify(['a.1', 4, client.getMergeableTableHashes()]),
  JSON.stringify(['a.2', 5, client.getMergeableRowHashes(server.getMergeableTableHashes())]),
];
out.diff = best(() => (answers = []), () =>
  questions.forEach((question) => receive('client', ...JSON.parse(question))));
out.bytes = [...questions, ...answers].reduce((sum, message) => sum + message.length, 0);
console.log(JSON.stringify(out));
process.exit(0);
