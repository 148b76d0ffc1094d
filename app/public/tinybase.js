// The parts of TinyBase that the page is made of, from the npm package that tiny.toml pins.

export { createMergeableStore } from "/vendor/tinybase/10.0.1/mergeable-store.js";
export { createIndexedDbPersister } from "/vendor/tinybase/10.0.1/persister-indexed-db.js";
export { createWsSynchronizer } from "/vendor/tinybase/10.0.1/synchronizer-ws-client.js";
