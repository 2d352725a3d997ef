/**
 * Writes the log of the golden files. This code never changes what it writes: a new format version
 * gets a new file.
 */
import type { HostileStore } from './hostile-store.ts';
import { writeSample } from './samples.ts';

/**
 * Writes a group with an identity and extra bytes and a group with an empty identity. Both get an
 * identity record.
 */
export async function writeGoldenIdentities(store: HostileStore): Promise<void> {
  const manager = store.manager();
  const identity = Uint8Array.of(1, 2, 255);
  const extra = Uint8Array.of(9, 8);
  await manager.createWal({ clusterId: 0xc1n, nodeId: 1n, identity, extra });
  await manager.writeIdentity(Uint8Array.of(5, 6, 7));
  const empty = new Uint8Array();
  await manager.createWal({ clusterId: 0xc1n, nodeId: 1n, identity: empty }, { groupId: 1n });
  await manager.writeIdentity(empty, { groupId: 1n });
  await manager.close();
}

/**
 * Writes three groups: one with every kind of record, an empty one, and one with the largest
 * numbers.
 */
export async function writeGoldenLog(store: HostileStore): Promise<void> {
  const manager = store.manager();
  const first = await manager.createWal({ clusterId: 0xc1n, nodeId: 1n });
  await writeSample(first.wal);
  const extra = Uint8Array.of(0, 1, 255);
  await manager.createWal(
    { clusterId: 2n ** 64n - 1n, nodeId: 2n ** 63n, entryBytesMax: 4096, extra },
    { groupId: 1n },
  );
  const { wal } = await manager.createWal(
    { clusterId: 7n, nodeId: 8n, extra: new Uint8Array() },
    { groupId: 2n ** 64n - 1n },
  );
  const index = 2 ** 52;
  const term = 2 ** 53 - 2;
  const vote = 2n ** 64n - 1n;
  await wal.save({
    snapshot: {
      index,
      term,
      confState: {
        voters: [vote, 1n],
        learners: [2n],
        votersOutgoing: [3n],
        learnersNext: [4n],
        autoLeave: true,
      },
    },
    entries: [{ index: index + 1, term: term + 1, type: 0, data: Uint8Array.of(1, 2, 3) }],
    hardState: { term: term + 1, vote, commit: index + 1 },
  });
  await manager.close();
}
