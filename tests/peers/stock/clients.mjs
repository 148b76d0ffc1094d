// Stock TinyBase clients in one process. Each line on standard input is a command with a number;
// its answer is a line on standard output with the same number. What the tests do with them is in
// tests/support/stock.rs.
import {createInterface} from 'node:readline';
import {setTimeout as delay} from 'node:timers/promises';
import {createMergeableStore} from 'tinybase/mergeable-store';
import {createWsSynchronizer} from 'tinybase/synchronizers/synchronizer-ws-client';
import {WebSocket} from 'ws';

// Who is there is told in values of these names, which come and go with the sockets.
const PRESENCE = 'here/';
// A socket that is closed with one of these was refused: the same would happen again.
const isRefusal = (code) => [1002, 1003, 1007, 1008, 1009, 1013].includes(code) || code >= 4000;
// What an upgrade is answered with that will not go better the next time.
const FINAL_ANSWER = /response: 4/;

const traffic = () => ({frames: 0, bytes: 0});

class Client {
  closes = [];
  sent = traffic();
  received = traffic();
  questions = new Map();
  wanted = false;
  asked = 0;
  answered = 0;

  constructor({id, url, ahead = 0, patience = 15, fragment, slow = 0, returns = true}) {
    Object.assign(this, {id, url, patience, fragment, slow, returns});
    this.store = createMergeableStore(id, () => Date.now() + ahead);
  }

  async online() {
    await this.leaving;
    this.wanted = true;
    this.connecting = this.connects();
    await this.connecting;
    await this.synchronizer.startSync();
  }

  // The stock client does not come back by itself: each time it gets a socket and a synchronizer.
  async connects() {
    for (;;) {
      try {
        return await this.connect();
      } catch (error) {
        if (!this.wanted || FINAL_ANSWER.test(error.message)) throw error;
        await delay(20);
      }
    }
  }

  async connect() {
    const socket = new WebSocket(this.url);
    let failure;
    socket.on('error', (error) => (failure = error));
    socket.on('message', (data) => this.hears(String(data)));
    const ended = new Promise((resolve) => socket.on('close', (...end) => resolve(end)));
    const send = socket.send.bind(socket);
    const goes = (payload) => {
      this.sent.frames++;
      this.sent.bytes += Buffer.byteLength(payload);
      send(payload);
    };
    let uplink = Promise.resolve();
    socket.send = (payload) => {
      if (this.slow) uplink = uplink.then(() => delay(this.slow)).then(() => goes(payload));
      else goes(payload);
    };
    const {store, patience, fragment} = this;
    const none = undefined;
    let synchronizer;
    try {
      synchronizer = await createWsSynchronizer(store, socket, patience, none, none, none, fragment);
    } catch (error) {
      throw failure ?? error;
    }
    Object.assign(this, {socket, synchronizer});
    this.ended = ended.then(([code, reason]) => this.lost(socket, code, String(reason)));
  }

  hears(payload) {
    this.received.frames++;
    this.received.bytes += Buffer.byteLength(payload);
    const question = payload.match(/^S\n\["(asked\.\d+)",0,/)?.[1];
    this.questions.get(question)?.(true);
    this.questions.delete(question);
  }

  async lost(socket, code, reason) {
    if (this.wanted) this.closes.push([code, reason]);
    for (const resolve of this.questions.values()) resolve(false);
    this.questions.clear();
    await this.synchronizer.destroy();
    this.wanted &&= this.returns && !isRefusal(code);
    if (this.wanted) this.online().catch(() => {});
  }

  async offline() {
    this.wanted = false;
    this.leaving = this.leaves();
    await this.leaving;
  }

  async leaves() {
    await this.connecting.catch(() => {});
    this.socket.close();
    await this.ended;
  }

  // Whether the server answered: then it has taken in all that was sent before.
  asks() {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    const id = `asked.${++this.asked}`;
    return new Promise((resolve) => {
      this.questions.set(id, resolve);
      this.socket.send(`S\n["${id}",1,""]`);
    });
  }

  edit(ops) {
    this.store.transaction(() => {
      for (const [method, ...args] of ops) this.store[method](...args);
    });
  }

  // Adds one todo and its twin after the other, and asks the server something after each.
  async stream(prefix) {
    this.answered = 0;
    for (let n = 1; this.wanted; n++) {
      const todo = {text: `todo ${n}`, completed: false};
      this.edit([
        ['setRow', 'todos', prefix + n, todo],
        ['setRow', 'todos', `${prefix}${n} twin`, todo],
      ]);
      Promise.resolve(this.asks()).then((answered) => answered && (this.answered = n));
      await delay(1);
    }
  }

  // Every stamp under its place, and the clock and hash of each map under the map's. The hash of
  // the values is left out, as the values are that tell who is there.
  places() {
    const [[tables, ...own], [values, clock]] = this.store.getMergeableContent();
    const places = {'': own, 'values:': clock};
    for (const [table, [rows, ...own]] of Object.entries(tables)) {
      places[table] = own;
      for (const [row, [cells, ...own]] of Object.entries(rows)) {
        places[`${table}/${row}`] = own;
        for (const [cell, stamp] of Object.entries(cells)) places[`${table}/${row}/${cell}`] = stamp;
      }
    }
    for (const [value, stamp] of Object.entries(values))
      if (!value.startsWith(PRESENCE)) places[`values:${value}`] = stamp;
    return places;
  }

  // Who is there: ids of values, and names.
  here() {
    const values = Object.entries(this.store.getValues());
    return values.filter(([id]) => id.startsWith(PRESENCE)).map(([id, {name}]) => [id, name ?? null]);
  }

  content() {
    const [tables, values] = this.store.getContent();
    const kept = Object.entries(values).filter(([id]) => !id.startsWith(PRESENCE));
    return {tables, values: Object.fromEntries(kept)};
  }
}

const clients = new Map();
const named = (id) => clients.get(id);

// A place's text, the same for the same stamp: a tombstone's thing is undefined.
const text = (stamp) => JSON.stringify(stamp, (_, value) => (value === undefined ? '\uFFFC' : value));

// For each client the places that are not the same in all of them.
const differences = (ids) => {
  const all = ids.map((id) => named(id).places());
  const places = new Set(all.flatMap(Object.keys));
  const differing = [...places].filter((place) => all.some((one) => text(one[place]) !== text(all[0][place])));
  return ids.map((id, at) => [
    id,
    Object.fromEntries(differing.sort().map((place) => [place, place in all[at] ? text(all[at][place]) : 'nothing'])),
  ]);
};

// Cheap to look at again and again, and never the same where a table differs.
const tablesHash = (id) => named(id).store.getMergeableContentHashes()[0];

// Looks until it fits, or time is up.
const within = async (ms, look, fits) => {
  const until = Date.now() + ms;
  for (;;) {
    const seen = look();
    if (fits(seen) || Date.now() > until) return seen;
    await delay(5);
  }
};

const commands = {
  client: (options) => void clients.set(options.id, new Client(options)),
  online: ({id}) => named(id).online(),
  offline: ({id}) => named(id).offline(),
  ended: ({id}) => named(id).ended,
  edit: ({id, ops}) => named(id).edit(ops),
  asks: ({id}) => named(id).asks(),
  stream: ({id, prefix}) => void named(id).stream(prefix),
  answered: ({id}) => named(id).answered,
  send: ({id, bytes, payload, padding = 0}) =>
    named(id).socket.send(bytes ? Buffer.from(bytes) : payload + 'x'.repeat(padding)),
  content: ({id}) => named(id).content(),
  places: ({id}) => named(id).places(),
  closes: ({id}) => named(id).closes,
  traffic: ({id}) => ({sent: named(id).sent, received: named(id).received}),
  forget: ({id}) => void Object.assign(named(id), {sent: traffic(), received: traffic()}),

  // Waits until all have the same content; answers what still differs when time is up.
  async agree({ids, ms}) {
    const until = Date.now() + ms;
    for (;;) {
      const same = new Set(ids.map(tablesHash)).size === 1;
      const late = Date.now() > until;
      const differing = same || late ? differences(ids) : undefined;
      if (differing?.every(([, places]) => Object.keys(places).length === 0)) return [];
      if (late) return differing;
      await delay(10);
    }
  },

  sent: ({id, frames, ms}) => within(ms, () => named(id).sent.frames, (sent) => sent >= frames),

  // Waits until it sees just these people there; answers whom it sees.
  here: ({id, names, ms}) =>
    within(
      ms,
      () => named(id).here().map(([, name]) => name).sort(),
      (here) => JSON.stringify(here) === JSON.stringify(names),
    ),
  hereId: ({id, name}) => named(id).here().find(([, its]) => its === name)?.[0],

  // Waits until it has so many todos; answers how many it has.
  count: ({id, todos, ms}) => within(ms, () => named(id).store.getRowIds('todos').length, (count) => count === todos),

  // Waits until this cell is that; answers what it is.
  cell: ({id, at, is, ms}) => within(ms, () => named(id).store.getCell(...at) ?? null, (cell) => cell === is),

  // Waits until its values are these, but for those that tell who is there; answers what they are.
  values: ({id, are, ms}) =>
    within(ms, () => named(id).content().values, (values) => JSON.stringify(values) === JSON.stringify(are)),

  // Waits until a todo has this text; answers whether one has.
  has: ({id, text, ms}) =>
    within(
      ms,
      () => Object.values(named(id).store.getTable('todos')).some((todo) => todo.text === text),
      (found) => found,
    ),
};

for await (const line of createInterface({input: process.stdin})) {
  const {number, do: name, ...options} = JSON.parse(line);
  const answer = (answer) => process.stdout.write(JSON.stringify({number, ...answer}) + '\n');
  // In turn until something has to be waited for.
  (async () => commands[name](options))().then(
    (ok) => answer({ok: ok ?? null}),
    (error) => answer({error: String(error?.stack ?? error)}),
  );
}
process.exit(0);
