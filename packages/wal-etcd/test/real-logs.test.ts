/**
 * The directories of real servers, opened behind the contract: what is read one by one from disk is what etcd's
 * `ReadAll` gives from the same snapshot, and the log goes on where the server left it.
 */
import { describe, expect, it } from 'vitest';
import { EtcdWalManager } from '../src/index.ts';
import { decodeEtcdMetadata, findSnapshots, readWal } from '../src/inspect.ts';
import { filesOfFolder, readArchive } from './support/archive.ts';
import { lineOf, linesOf } from './support/entry-lines.ts';
import { fixtureFolder, readIndex } from './support/fixture-set.ts';
import { WorkingCopy } from './support/working-copy.ts';

/** `fixtures.test.ts` says so when there are none. */
const fixtures = readIndex('index-real.json') ?? [];

describe.runIf(fixtures.length > 0)('the log of a real server behind the contract', () => {
  for (const { name, about, archive } of fixtures) {
    it(`${name}: ${about}`, async () => {
      const files = readArchive(`${fixtureFolder}/${archive}`);
      const copy = new WorkingCopy(filesOfFolder(files, `${name}/wal`));
      try {
        await checkLog(copy.directory);
      } finally {
        copy.remove();
      }
    });
  }
});

async function checkLog(directory: string): Promise<void> {
  const valid = (await findSnapshots(directory)).filter(({ index }) => index > 0n);
  const newest = valid.at(-1) ?? { index: 0n, term: 0n };
  const expected = await readWal(directory, newest);
  const manager = new EtcdWalManager(directory);
  const { wal, storage, snapshots, metadata, hardState } = await manager.replayWal();
  const { nodeId, clusterId } = decodeEtcdMetadata(expected.metadata ?? new Uint8Array(0));
  expect({ nodeId: metadata.nodeId, clusterId: metadata.clusterId }).toEqual({ nodeId, clusterId });
  const places = snapshots.map(({ index, term }) => `${index} of ${term}`);
  expect(places).toEqual(
    valid.slice(-places.length).map(({ index, term }) => `${index} of ${term}`),
  );
  expect(places.length).toBe(valid.length);
  const { term, vote, commit } = expected.hardState;
  expect(hardState).toEqual({ term: Number(term), vote, commit: Number(commit) });

  const lines = linesOf(expected.entries);
  expect(storage.lastIndex()).toBe(Number(newest.index) + lines.length);
  const lo = Number(newest.index) + 1;
  const entries = storage.entries(lo, storage.lastIndex() + 1, Infinity);
  expect(linesOf(entries)).toEqual(lines);
  // Also what the snapshot covers is readable, each entry by itself.
  for (let index = storage.firstIndex(); index < lo; index += 97) {
    expect(storage.entries(index, index + 1, Infinity)[0]?.index).toBe(index);
  }
  expect(wal.stats.indexBytes).toBeLessThan(8 * storage.lastIndex() + 1024);

  const index = storage.lastIndex() + 1;
  const next = { index, term: hardState.term, type: 0 as const, data: new Uint8Array([1, 2, 3]) };
  await wal.save({ entries: [next], hardState });
  await manager.close();
  const after = linesOf((await readWal(directory, newest)).entries);
  expect(after).toEqual([...lines, lineOf(next)]);
}
