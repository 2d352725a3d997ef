// Saves to a log while the process has no file descriptor left, and afterwards. Argument: a
// directory. Prints as JSON the outcomes of the saves without and with descriptors, and how many
// entries can be read in the end.
import { closeSync, openSync, writeSync } from 'node:fs';
import { walBackend } from '@babuza/wal-level-disk';

const manager = await walBackend.open(process.argv[2], { writeBufferBytes: 64 * 1024 });
const { wal, storage } = await manager.createWal({ clusterId: 1n, nodeId: 1n });
const save = () => {
  const index = storage.lastIndex() + 1;
  const entries = [{ index, term: 1, type: 0, data: Buffer.alloc(1000, index) }];
  return wal.save({ entries }).then(
    () => 'saved',
    (error) => error.code,
  );
};
// By now LevelDB has opened what it opens late, for instance the table of its first log.
for (let at = 0; at < 20; at += 1) await save();
const held = [];
try {
  for (;;) held.push(openSync('/dev/null'));
} catch {
  // No descriptor is left.
}
const without = [];
for (let at = 0; at < 100 && without.at(-1) !== 'WAL_TRY_AGAIN'; at += 1)
  without.push(await save());
without.push(await save());
for (const descriptor of held) closeSync(descriptor);
const after = [];
for (let at = 0; at < 100; at += 1) after.push(await save());
const read = storage.entries(1, storage.lastIndex() + 1, Infinity).length;
const last = storage.lastIndex();
await manager.close();
const again = await walBackend.open(process.argv[2]);
const opened = await again.replayWal();
const reopened = opened.storage.lastIndex();
await again.close();
const kinds = (codes) => [...new Set(codes)];
writeSync(
  1,
  JSON.stringify({ without: kinds(without), after: kinds(after), read, last, reopened }),
);
