/** Wrappers around a correct log. Each breaks one rule of the contract. */
import {
  TooLargeError,
  type OpenedWal,
  type PurgeReport,
  type SaveBatch,
  type Wal,
  type WalEventSource,
  type WalStats,
} from '@babuza/wal-core';
import { EntryStorage, type EntryView } from '@babuza/wal-core/backend';
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';

/** A wrapper that forwards every call. */
class Passing implements Wal {
  protected readonly inner: Wal;

  constructor(inner: Wal) {
    this.inner = inner;
  }

  get groupId(): bigint {
    return this.inner.groupId;
  }

  get stats(): WalStats {
    return this.inner.stats;
  }

  get events(): WalEventSource {
    return this.inner.events;
  }

  save(batch: SaveBatch): Promise<void> {
    return this.inner.save(batch);
  }

  saveSnapshot(metadata: SnapshotMetadata): Promise<void> {
    return this.save({ snapshot: metadata });
  }

  purge(toIndex: number): Promise<PurgeReport> {
    return this.inner.purge(toIndex);
  }

  sync(): Promise<void> {
    return this.inner.sync();
  }

  setUnsafeNoFsync(): void {
    this.inner.setUnsafeNoFsync();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A gap is accepted without an error. */
class AcceptsHoles extends Passing {
  override async save(batch: SaveBatch): Promise<void> {
    const first = batch.entries?.[0];
    const gap = first !== undefined && (batch.entries?.length ?? 0) === 1;
    await this.inner.save(batch).catch((error: unknown) => {
      if (!gap) throw error;
    });
  }
}

/** A save that needs no sync is acknowledged at once, before earlier saves. */
class AcknowledgesOutOfOrder extends Passing {
  override save(batch: SaveBatch): Promise<void> {
    const saving = this.inner.save(batch);
    if (batch.entries !== undefined || batch.snapshot !== undefined) return saving;
    return Promise.race([saving, Promise.resolve()]);
  }
}

/** Closing does not close the log. */
class NeverCloses extends Passing {
  readonly #closing = Promise.resolve();

  override close(): Promise<void> {
    return this.#closing;
  }
}

/** A refused batch is saved in part. */
class SavesWhatItCan extends Passing {
  override async save(batch: SaveBatch): Promise<void> {
    await this.inner.save(batch).catch(async (error: unknown) => {
      await this.inner.save({ entries: batch.entries }).catch(() => undefined);
      throw error;
    });
  }
}

/** A purge above the commit index purges to the commit index and reports no error. */
class PurgesToCommit extends Passing {
  readonly #storage: EntryStorage;

  constructor({ wal, storage }: OpenedWal) {
    super(wal);
    this.#storage = storage;
  }

  override purge(toIndex: number): Promise<PurgeReport> {
    const { commit } = this.#storage.initialState().hardState;
    return this.inner.purge(toIndex > commit ? commit : toIndex);
  }
}

/** The limit is noticed only when an entry is read. */
class LimitsOnRead extends EntryStorage {
  readonly #entryBytesMax: number;

  constructor(view: EntryView, entryBytesMax: number) {
    super(view);
    this.#entryBytesMax = entryBytesMax;
  }

  override entries(lo: number, hi: number, maxBytes: number): Entry[] {
    const entries = super.entries(lo, hi, maxBytes);
    for (const { data } of entries) {
      const bytes = data?.length ?? 0;
      if (bytes > this.#entryBytesMax) throw new TooLargeError('entry', bytes, this.#entryBytesMax);
    }
    return entries;
  }
}

/** `maxBytes` is ignored. */
class IgnoresMaxBytes extends EntryStorage {
  override entries(lo: number, hi: number): Entry[] {
    return super.entries(lo, hi, Infinity);
  }
}

/** `maxBytes` counts payloads, not encoded sizes. */
class CountsPayloads extends EntryStorage {
  override entries(lo: number, hi: number, maxBytes: number): Entry[] {
    let bytes = 0;
    const entries = super.entries(lo, hi, Infinity);
    const end = entries.findIndex(({ data }, at) => {
      bytes += data?.length ?? 0;
      return at > 0 && bytes > maxBytes;
    });
    return end === -1 ? entries : entries.slice(0, end);
  }
}

/** No entry is returned when `maxBytes` is smaller than the first one. */
class MayReturnNothing extends EntryStorage {
  override entries(lo: number, hi: number, maxBytes: number): Entry[] {
    return maxBytes === 0 ? [] : super.entries(lo, hi, maxBytes);
  }
}

type HandOut = (opened: OpenedWal, view: EntryView) => OpenedWal;

export const acceptsHoles: HandOut = (opened) => ({ ...opened, wal: new AcceptsHoles(opened.wal) });
export const acknowledgesOutOfOrder: HandOut = (opened) => ({
  ...opened,
  wal: new AcknowledgesOutOfOrder(opened.wal),
});
export const neverCloses: HandOut = (opened) => ({ ...opened, wal: new NeverCloses(opened.wal) });
export const savesWhatItCan: HandOut = (opened) => ({
  ...opened,
  wal: new SavesWhatItCan(opened.wal),
});
export const purgesToCommit: HandOut = (opened) => ({ ...opened, wal: new PurgesToCommit(opened) });
export const limitsOnRead: HandOut = (opened, view) => ({
  ...opened,
  storage: new LimitsOnRead(view, opened.metadata.entryBytesMax),
});
export const ignoresMaxBytes: HandOut = (opened, view) => ({
  ...opened,
  storage: new IgnoresMaxBytes(view),
});
export const countsPayloads: HandOut = (opened, view) => ({
  ...opened,
  storage: new CountsPayloads(view),
});
export const mayReturnNothing: HandOut = (opened, view) => ({
  ...opened,
  storage: new MayReturnNothing(view),
});
export type { HandOut };
