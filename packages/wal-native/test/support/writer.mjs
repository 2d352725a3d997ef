// A real process that saves entries as fast as it can, with several savers at a time, and writes a line for
// each one that was acknowledged. It is killed from outside. Arguments: directory, seed.
import { writeSync } from 'node:fs';
import { walBackend } from '../../dist/index.js';
import { payloadOf } from './payload.mjs';

const [directory, seedText] = process.argv.slice(2);
const seed = Number(seedText);
const manager = await walBackend.open(directory, {
  segmentBytes: 256 * 1024,
  inline: seed % 3 === 0,
});
const { wal, storage, hardState } = (await manager.hasExistingWal())
  ? await manager.replayWal()
  : await manager.createWal({ clusterId: 1, nodeId: 1 });

let last = storage.lastIndex();
let commit = hardState.commit;
const term = hardState.term + 1;
const say = (line) => writeSync(1, `${line}\n`);

await wal.save({ hardState: { term, vote: BigInt(seed), commit } });
say(`term ${term} ${seed}`);

async function saver() {
  for (;;) {
    const count = 1 + (last % 3);
    const entries = [];
    for (let added = 0; added < count; added += 1) {
      last += 1;
      entries.push({ index: last, term, type: 0, data: payloadOf(last, term) });
    }
    const top = last;
    await wal.save({ entries });
    say(`entries ${top - count + 1} ${top} ${term}`);
    if (top % 40 !== 0) continue;
    commit = Math.max(commit, top - 10);
    await wal.save({ hardState: { term, vote: BigInt(seed), commit } });
    if (top % 200 === 0) await wal.purge(Math.max(0, commit - 100));
  }
}

await Promise.all(Array.from({ length: 8 }, saver));
