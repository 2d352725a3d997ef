// A real process that writes a log as fast as it can, with several saves pending at a time. Each
// batch prints a line `try` before the call and a line `done` after it resolved. The process ends
// when a save is rejected, with a line `failed` and the code. Otherwise it is killed from outside,
// or stops after a number of batches. Arguments: directory, seed, options as JSON, number of
// batches (0: no end), URL of the module of the back end.
import { writeSync } from 'node:fs';
import { batchOf, randomFrom, recordOf, Workload } from './workload.mjs';

const [directory, seed, options, limitText, module] = process.argv.slice(2);
const { walBackend } = await import(module);
const limit = Number(limitText) || Infinity;
const say = (line) => writeSync(1, `${line}\n`);
const pendingMax = 4;

say('opening');
const manager = await walBackend.open(directory, JSON.parse(options));
const failures = [];

function fail(error) {
  if (failures.length === 0) say(`failed ${error.code}`);
  failures.push(error);
}

async function call(wal, id, line) {
  say(`try ${id} ${JSON.stringify(line)}`);
  try {
    await made(wal, line);
    say(`done ${id}`);
  } catch (error) {
    fail(error);
  }
}

function made(wal, line) {
  if (line.record !== undefined) return manager.writeIdentity(recordOf(line.record));
  const { purgeTo, sync, ...batch } = batchOf(line);
  if (sync) return wal.sync();
  return purgeTo === undefined ? wal.save(batch) : wal.purge(purgeTo);
}

async function write() {
  const { wal, storage, hardState } = (await manager.hasExistingWal())
    ? await manager.replayWal()
    : await manager.createWal({ clusterId: 1, nodeId: 1 });
  const record = await manager.readIdentity();
  const workload = new Workload(randomFrom(Number(seed)), {
    last: storage.lastIndex(),
    commit: hardState.commit,
    // A new term must also be above the terms of the entries, which may be ahead of the hard state.
    term: Math.max(hardState.term, storage.term(storage.lastIndex())),
    start: storage.firstIndex() - 1,
    hard: [hardState.term, Number(hardState.vote)],
    record: record === undefined ? 0 : Buffer.from(record).readUInt32BE(0),
    termOf: (index) => storage.term(index),
  });
  say('open');
  const pending = new Set();
  for (let id = 1; failures.length === 0 && id <= limit; id += 1) {
    const running = call(wal, id, workload.next()).then(() => pending.delete(running));
    pending.add(running);
    if (pending.size >= pendingMax) await Promise.race(pending);
  }
  await Promise.all(pending);
  say(`syncs ${wal.stats.syncs}`);
}

try {
  await write();
  await manager.close();
} catch (error) {
  fail(error);
}
say('end');
