/**
 * A log of chunks, kept as a Raft node without peers would keep it: a term for each start with a
 * vote for itself, an entry per chunk, and the commit index following what is durable. Used by the
 * writer process, and by the demo itself to look at copies.
 */
import { EntryType } from '@babuza/raftpb';
import type { OpenedWal, PurgeReport, WalManager } from '@babuza/wal-core';
import { sha256Of } from '../common/documents.ts';
import { decodeChunk, encodeChunk, type Chunk } from './framing.ts';
import { clusterId, nodeId, openManager } from './open-log.ts';
import type { Counters, ListedEntry } from './protocol.ts';

const vote = BigInt(nodeId);

export class ChunkLog {
  readonly manager: WalManager;
  readonly opened: OpenedWal;
  #term: number;
  #lastIndex: number;
  #commit: number;

  constructor(manager: WalManager, opened: OpenedWal) {
    this.manager = manager;
    this.opened = opened;
    this.#term = opened.hardState.term;
    this.#commit = opened.hardState.commit;
    this.#lastIndex = opened.storage.lastIndex();
  }

  get term(): number {
    return this.#term;
  }

  get counters(): Counters {
    const { entries, syncs, bytesWritten, indexBytes, cacheBytes } = this.opened.wal.stats;
    return { entries, syncs, bytesWritten, indexBytes, cacheBytes };
  }

  /** Stands for election as the only voter: a new term, and its vote for itself, durable. */
  async startTerm(): Promise<void> {
    this.#term += 1;
    await this.opened.wal.save({
      hardState: { term: this.#term, vote, commit: this.#commit },
    });
  }

  /** Appends chunks as one batch; resolves with the index of the first when all are durable. */
  async append(chunks: readonly Chunk[]): Promise<number> {
    const firstIndex = this.#lastIndex + 1;
    const entries = chunks.map((chunk, at) => ({
      index: firstIndex + at,
      term: this.#term,
      type: EntryType.Normal,
      data: encodeChunk(chunk),
    }));
    this.#lastIndex += chunks.length;
    const lastOfBatch = this.#lastIndex;
    await this.opened.wal.save({
      entries,
      hardState: { term: this.#term, vote, commit: this.#commit },
    });
    // The only voter has it durably: it is committed, and the next batch says so.
    this.#commit = Math.max(this.#commit, lastOfBatch);
    return firstIndex;
  }

  /** Records the commit index of the last entry, durably. */
  async commitAll(): Promise<void> {
    const { wal } = this.opened;
    this.#commit = this.#lastIndex;
    await wal.save({ hardState: { term: this.#term, vote, commit: this.#commit } });
    await wal.sync();
  }

  /** Every entry from `lo` on, read from the log and hashed. */
  async *list(lo: number): AsyncGenerator<ListedEntry, void, void> {
    const { storage } = this.opened;
    for await (const { index, term, data } of storage.iterate(lo, storage.lastIndex() + 1)) {
      const { path, chunk, chunks, content } = decodeChunk(data ?? new Uint8Array(0));
      yield { index, term, path, chunk, chunks, bytes: content.length, sha256: sha256Of(content) };
    }
  }

  /**
   * A snapshot covers everything up to `index`: its marker is saved, then what it covers is purged.
   */
  async snapshotAndPurge(index: number): Promise<PurgeReport> {
    const { wal, storage } = this.opened;
    const confState = {
      voters: [vote],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    await wal.saveSnapshot({ index, term: storage.term(index), confState });
    return wal.purge(index);
  }

  async close(): Promise<void> {
    await this.opened.wal.close();
    await this.manager.close();
  }
}

/**
 * Opens the log below `storageRoot`. `create` refuses one that exists; `recover` makes a missing
 * one. `openMs` is how long `replayWal` or `createWal` took.
 */
export async function openChunkLog(
  walType: string,
  storageRoot: string,
  how: 'create' | 'recover',
): Promise<{ log: ChunkLog; existed: boolean; openMs: number }> {
  const manager = await openManager(walType, storageRoot);
  try {
    const existed = how === 'recover' && (await manager.hasExistingWal());
    const startMs = performance.now();
    const opened = existed
      ? await manager.replayWal({ expect: { clusterId, nodeId } })
      : await manager.createWal({ clusterId, nodeId });
    const openMs = performance.now() - startMs;
    return { log: new ChunkLog(manager, opened), existed, openMs };
  } catch (error) {
    await manager.close().catch(() => undefined);
    throw error;
  }
}
