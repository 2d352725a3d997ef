/** The process that is killed. It saves as fast as it can, with several savers at a time. */
import type { WalManager } from '@babuza/wal-core';

/** The payload of an entry. It is derived from index and term, so a reader can check it. */
export function payloadOf(index: number, term: number): Uint8Array {
  const bytes = new Uint8Array((index * 37 + term * 11) % 3000);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (index * 31 + term * 17 + at * 7) & 0xff;
  return bytes;
}

/** Never returns. `say` must write at once, because its argument counts as acknowledged. */
export async function writeUntilKilled(
  manager: WalManager,
  number: number,
  say: (line: string) => void,
): Promise<void> {
  const { wal, storage, hardState } = (await manager.hasExistingWal())
    ? await manager.replayWal()
    : await manager.createWal({ clusterId: 1, nodeId: 1 });
  let last = storage.lastIndex();
  let commit = hardState.commit;
  const term = hardState.term + 1;
  await wal.save({ hardState: { term, vote: BigInt(number), commit } });
  say(`term ${term} ${number}`);

  const saver = async (): Promise<void> => {
    for (;;) {
      const count = 1 + (last % 3);
      const entries = [];
      for (let added = 0; added < count; added += 1) {
        last += 1;
        entries.push({ index: last, term, type: 0 as const, data: payloadOf(last, term) });
      }
      const top = last;
      await wal.save({ entries });
      say(`entries ${top - count + 1} ${top} ${term}`);
      if (top % 40 !== 0) continue;
      commit = Math.max(commit, top - 10);
      await wal.save({ hardState: { term, vote: BigInt(number), commit } });
      if (top % 200 === 0) await wal.purge(Math.max(0, commit - 100));
    }
  };
  await Promise.all(Array.from({ length: 8 }, saver));
}
