// How long it takes to work out all people anew: `node relink.js DIRECTORY IDENTITIES` tells { seconds, written } over IPC.
const dist = "../../../packages/collector/dist";
const { openChdb } = await import(`${dist}/store/chdb.js`);
const { openStore } = await import(`${dist}/store/store.js`);

const [directory = "", identities = ""] = process.argv.slice(2);
const engine = await openChdb(directory);
const store = await openStore(engine);
// Pairs and longer chains: of eight identities the first four are one person, the others are two.
await engine.command(`INSERT INTO km.commands (product, time, id, type, identity, alias)
  SELECT 1, now64(3) - number % 1000000, generateUUIDv7(), 'alias', concat('a', toString(number)), concat('a', toString(number + 1))
  FROM numbers(${Number(identities)}) WHERE number % 8 IN (0, 1, 2, 4, 6)`);
await engine.command("TRUNCATE TABLE km.people");
await engine.command("TRUNCATE TABLE km.members");
const start = performance.now();
const written = await store.relink();
const seconds = (performance.now() - start) / 1000;
await store.close();
process.send?.({ seconds, written }, () => process.exit(0));
