// Makes channels.json from npm tinybase: what clients and server say on sockets with channels.
// Usage: npm i tinybase@10.0.1 ws && node channels.mjs > channels.json
import {createMergeableStore} from 'tinybase/mergeable-store';
import {createWsServer} from 'tinybase/synchronizers/synchronizer-ws-server';
import {createWsSynchronizer} from 'tinybase/synchronizers/synchronizer-ws-client';
import {WebSocket, WebSocketServer} from 'ws';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const webSocketServer = new WebSocketServer({port: 0});
const server = createWsServer(webSocketServer);
const keys = [];
webSocketServer.on('connection', (_socket, request) => keys.push(request.headers['sec-websocket-key']));
const url = `ws://localhost:${webSocketServer.address().port}/`;
const open = async (path) => {
  const socket = new WebSocket(url + path, 'tinybase');
  await new Promise((resolve) => socket.once('open', resolve));
  return socket;
};
const out = {tinybase: '10.0.1', frames: [], refused: []};

// Who, then > for what it sent and < for what it got.
const clients = {};
const connect = async (who) => {
  const socket = await open('shop');
  clients[who] = keys.at(-1);
  const send = socket.send.bind(socket);
  socket.send = (text) => {
    out.frames.push([who, '>', text]);
    send(text);
  };
  socket.on('message', (data) => out.frames.push([who, '<', data.toString()]));
  return socket;
};
const join = async (id, socket, channel, fragmentSize) => {
  const store = createMergeableStore(id);
  const synchronizer = await createWsSynchronizer(store, socket, channel, 1, undefined, undefined, undefined, fragmentSize);
  await synchronizer.startSync();
  return [store, synchronizer];
};
const alice = await connect('alice');
const bob = await connect('bob');
const [pets, petsOfAlice] = await join('alice', alice, 'pets');
pets.setCell('pets', 'fido', 'species', 'dog');
const [petsOfBob] = await join('bob', bob, 'pets', 80);
const [, sync] = await join('alice2', alice, 'open/hours "é\\"');
await sleep(100);
petsOfBob.setCell('pets', 'felix', 'about', 'a cat of which there is much to be said, ün ~ '.repeat(5));
await sleep(100);
await sync.destroy();
await petsOfAlice.destroy();
await sleep(100);
out.clients = clients;
alice.close();
bob.close();

// What makes the server close a socket, and with what.
const hello = 'S\n["r",-1,[0,1]]';
const subscribe = (channel) => `S\n${JSON.stringify(['r', -1, [1, channel]])}`;
const many = Array.from({length: 100}, (_, at) => subscribe(`c${at}`));
for (const frames of [
  ['no line break'],
  ['\n["a",1,""]'],
  ['S\n["a",1,""]'],
  ['S\n[null,-1,[0,1]]'],
  ['S\n["r",-1,[0,2]]'],
  ['S\n["r",-1,[3,"c"]]'],
  ['S\n["r",-1,[0,1],1]'],
  [hello, 'S\n["r",-1,[2,"c"]]'],
  [hello, 'S\n[null,-1,[1,"c"]]'],
  [hello, 'S\n[null,-1,[2,"c"]]'],
  [hello, hello, subscribe('c'), subscribe('c'), 'M\nc\n\n["a",1,""]'],
  [hello, 'M\nc\n\n["a",1,""]'],
  [hello, subscribe('c'), 'S\n[null,-1,[2,"c"]]', 'M\nc\n\n["a",1,""]'],
  [hello, subscribe('c'), 'M\nc\n["a",1,""]'],
  [hello, subscribe('c'), 'M\nc'],
  [hello, subscribe('c'), 'M\nc\n\n0123456789abcdef\n0\n1001\nx'],
  [hello, subscribe('c'), 'M\nc\n\n0123456789abcdef\n2\n2\nx'],
  ...['', '/', 'a/', '/a', 'a//b', '.', 'a/../b', 'a?b', 'a#b', 'a\rb', 'a\nb'].map((id) => [hello, subscribe(id)]),
  [hello, subscribe('a/b'), subscribe('a/.b'), subscribe('M'), subscribe('é'.repeat(512))],
  [hello, subscribe('é'.repeat(513))],
  [hello, `M\n${'x'.repeat(1025)}\n\n["a",1,""]`],
  [hello, ...many],
  [hello, ...many, subscribe('c0'), subscribe('one more')],
]) {
  const socket = await open('');
  const answers = [];
  let closed = null;
  socket.on('message', (data) => answers.push(data.toString()));
  socket.on('close', (code, reason) => (closed = [code, reason.toString()]));
  frames.forEach((frame) => socket.send(frame));
  await sleep(50);
  out.refused.push({frames, answers, closed});
  socket.close();
}
console.log(JSON.stringify(out));
process.exit(0);
