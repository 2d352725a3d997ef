/**
 * This version reads a complete log of format version 1, as a released version would have written
 * it.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { directory, metadata, openManager } from '../support/workload.ts';
import { goldenBytes } from './golden-files.ts';

const confState = {
  voters: [3n, 2n ** 64n - 3n],
  learners: [4n],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** An entry whose payload is absent, empty or 1 to 700 bytes, depending on index and term. */
function entryOf(index: number, term: number): Entry {
  const type = index % 7 === 0 ? (1 as const) : (0 as const);
  if (index % 10 === 0) return { index, term, type };
  const bytes = index % 10 === 1 ? 0 : 1 + ((index * 97 + term * 13) % 700);
  const data = Uint8Array.from(
    { length: bytes },
    (_, at) => (index * 31 + term * 7 + at * at) & 255,
  );
  return { index, term, type, data };
}

function entriesOf(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entryOf(first + at, term));
}

/** Two segments of 16 KiB: appends, a conflict, a marker, a purge, more appends, a clean close. */
async function makeLog(): Promise<Uint8Array> {
  const environment = simulatedEnvironment(31, new SimulatedDisk({ seed: 31 }));
  await runWorkload(environment, async () => {
    const manager = openManager(environment, { recycledMax: 0 });
    const { wal } = await manager.createWal(metadata);
    await wal.save({ entries: entriesOf(1, 4, 1), hardState: { term: 1, vote: 3n, commit: 0 } });
    await wal.save({ entries: entriesOf(5, 12, 1), hardState: { term: 1, vote: 3n, commit: 8 } });
    await wal.save({ entries: entriesOf(10, 16, 2), hardState: { term: 2, vote: 0n, commit: 9 } });
    await wal.saveSnapshot({ index: 9, term: 1, confState });
    await wal.purge(4);
    await wal.save({ entries: entriesOf(17, 24, 3), hardState: { term: 3, vote: 3n, commit: 16 } });
    await wal.save({ entries: entriesOf(25, 32, 3) });
    await wal.save({ hardState: { term: 3, vote: 3n, commit: 30 } });
    await manager.close();
  });
  const { surgery } = environment.fileSystem;
  const files = surgery.files().filter((path) => path.endsWith('.wal'));
  const contents = files.map((path) => [
    path.slice(directory.length + 1),
    Buffer.from(surgery.contents(path)).toString('base64'),
  ]);
  return gzipSync(JSON.stringify(Object.fromEntries(contents)), { level: 9 });
}

async function goldenFiles(): Promise<[string, Uint8Array][]> {
  const packed = await goldenBytes('log.json.gz', makeLog);
  const files = JSON.parse(gunzipSync(packed).toString()) as Record<string, string>;
  return Object.entries(files).map(([name, text]) => [name, Buffer.from(text, 'base64')]);
}

it('the golden log of version 1 is read whole', async () => {
  const files = await goldenFiles();
  expect(files).toHaveLength(2);
  const environment = simulatedEnvironment(1);
  const disk = environment.fileSystem;
  await disk.makeDirectory(directory.slice(0, directory.lastIndexOf('/')));
  await disk.makeDirectory(directory);
  for (const [name, bytes] of files) disk.surgery.put(`${directory}/${name}`, bytes);
  await runWorkload(environment, async () => {
    const manager = openManager(environment);
    const opened = await manager.replayWal({ expect: metadata });
    expect(opened.tail).toEqual({ verdict: 'clean', bytesDropped: 0 });
    expect(opened.metadata).toMatchObject(metadata);
    expect(opened.metadata.identity).toBe(undefined);
    expect(await manager.readIdentity()).toBe(undefined);
    expect(opened.hardState).toEqual({ term: 3, vote: 3n, commit: 30 });
    expect(opened.snapshots).toEqual([{ index: 9, term: 1, confState }]);
    const { storage } = opened;
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(4)]).toEqual([5, 32, 1]);
    const entries = storage.entries(5, 33, Infinity);
    expect(entries).toEqual([
      ...entriesOf(5, 9, 1),
      ...entriesOf(10, 16, 2),
      ...entriesOf(17, 32, 3),
    ]);
    await opened.wal.save({ entries: [entryOf(33, 3)] });
    expect(storage.lastIndex()).toBe(33);
    await manager.close();
  });
  for (const [name, bytes] of files.slice(0, 1)) {
    const after = disk.surgery.contents(`${directory}/${name}`);
    expect(Buffer.compare(after, bytes), 'a sealed segment never changes').toBe(0);
  }
});
