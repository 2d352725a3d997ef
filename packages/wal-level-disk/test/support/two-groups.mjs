// Two logs in one database. The test makes a write of the first one fail from outside, which ends
// both. They are closed and opened again in this process, and each writes more than a block of
// LevelDB's log. Then the process is killed. Argument: the directory. Prints `done <group> <index>`
// for each acknowledged entry, `failed <group> <code>`, and, after a line `again`, `opened <group>
// <last index>`.
import { writeSync } from 'node:fs';
import { walBackend } from '../../dist/index.js';

const [directory] = process.argv.slice(2);
const say = (line) => writeSync(1, `${line}\n`);
const groups = [0n, 1n];
const manager = await walBackend.open(directory);

/** Saves until one is rejected. */
async function append({ wal, storage }, count) {
  const first = storage.lastIndex() + 1;
  for (let index = first; index < first + count; index += 1) {
    const entry = { index, term: 1, type: 0, data: new Uint8Array(9000).fill(index) };
    try {
      await wal.save({ entries: [entry] });
      say(`done ${wal.groupId} ${index}`);
    } catch (error) {
      say(`failed ${wal.groupId} ${error.code}`);
      return;
    }
  }
}

const logs = [];
for (const groupId of groups) {
  logs.push(await manager.createWal({ clusterId: 1, nodeId: 1 }, { groupId }));
}
for (const log of logs) await append(log, 20);
for (const { wal } of logs) await wal.close();

say('again');
for (const groupId of groups) {
  const log = await manager.replayWal({ groupId });
  say(`opened ${groupId} ${log.storage.lastIndex()}`);
  await append(log, 20);
}
process.kill(process.pid, 'SIGKILL');
