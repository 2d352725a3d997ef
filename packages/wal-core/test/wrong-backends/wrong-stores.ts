/** Stores that each break one rule of the contract, and are correct otherwise. */
import { RingCache, type SavePlan } from '@babuza/wal-core/backend';
import type { Entry, SnapshotMetadata } from '@babuza/raftpb';
import { ReferenceStore, type StoreParts } from './reference.ts';

/** A changed term or vote alone is not synced. */
export class NoSyncForVotes extends ReferenceStore {
  override commit(plans: readonly SavePlan[]): Promise<void> {
    return super.commit(
      plans,
      plans.some(({ entries, marker }) => entries.length > 0 || marker !== undefined),
    );
  }
}

/** A commit index alone is synced. */
export class SyncsAlways extends ReferenceStore {
  override commit(plans: readonly SavePlan[]): Promise<void> {
    return super.commit(plans, true);
  }
}

/** A save is acknowledged first and synced a little later. */
export class AcknowledgesBeforeSync extends ReferenceStore {
  override async commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    await super.commit(plans, false);
    if (durable) setImmediate(() => this.sync());
  }
}

/** There is no group commit: each save costs a sync. */
export class SyncsEachSave extends ReferenceStore {
  override async commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    await super.commit(plans, false);
    for (const plan of plans) if (durable && plan.durable) this.sync();
  }
}

/** Syncs continue after `setUnsafeNoFsync`. */
export class SyncsWhenUnsafe extends ReferenceStore {
  override setUnsafeNoFsync(): void {}
}

/** The view shows entries before they are written. */
export class PublishesBeforeWrite extends ReferenceStore {
  override async commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    for (const plan of plans) super.publish(plan);
    await super.commit(plans, durable);
  }

  override publish(): void {}
}

class StaleCache extends RingCache {
  override truncateFrom(): void {}

  override append(entry: Entry): void {
    if (this.get(entry.index) === undefined) super.append(entry);
  }
}

/** The cache keeps replaced entries. */
export class KeepsStaleCache extends ReferenceStore {
  constructor(...[disk, log, snapshot, onClose]: StoreParts) {
    super(disk, log, snapshot, onClose, new StaleCache());
  }
}

/** The store keeps the old payload of a replaced entry. */
export class KeepsOldPayloads extends ReferenceStore {
  protected override truncateFrom(): void {}

  protected override apply(plan: SavePlan): void {
    const kept = new Map(this.log.entries);
    super.apply(plan);
    for (const { index, term } of plan.entries) {
      const old = kept.get(index);
      if (old !== undefined) this.log.entries.set(index, { ...old, term });
    }
  }
}

/** The cache drops no entries. */
export class NeverEvicts extends ReferenceStore {
  constructor(...[disk, log, snapshot, onClose]: StoreParts) {
    const limits = { entriesMax: 100_000, bytesMax: Infinity };
    super(disk, log, snapshot, onClose, new RingCache(limits));
  }
}

/** Replacing an entry leaves the higher entries in the store. */
export class ResurrectsHigherEntries extends ReferenceStore {
  protected override truncateFrom(): void {}
}

/** The uncommitted tail is dropped in memory only. */
export class ForgetsDiscard extends ReferenceStore {
  protected override apply(plan: SavePlan): void {
    const discards = plan.truncateFrom !== undefined && plan.entries.length === 0;
    super.apply(discards ? { ...plan, truncateFrom: undefined } : plan);
  }
}

/** The uncommitted tail is dropped in memory only, if the first kept entry is uncommitted. */
export class ForgetsDiscardOfAll extends ReferenceStore {
  protected override apply(plan: SavePlan): void {
    const all = plan.truncateFrom === this.log.baseIndex + 1 && plan.entries.length === 0;
    super.apply(all ? { ...plan, truncateFrom: undefined } : plan);
  }
}

/** A purge removes only half of the entries from the store. */
export class PurgesHalf extends ReferenceStore {
  protected override purgeTo(index: number, term: number): void {
    const { baseIndex } = this.log;
    super.purgeTo(baseIndex + Math.floor((index - baseIndex) / 2), term);
  }
}

/** The term of the last purged entry is lost. */
export class ForgetsTermOfPurge extends ReferenceStore {
  protected override purgeTo(index: number): void {
    super.purgeTo(index, 0);
  }
}

/** The caller's buffer is kept instead of a copy. */
export class KeepsCallersBuffers extends ReferenceStore {
  protected override copyOf(entry: Entry): Entry {
    return entry;
  }
}

/** All reads return payloads in the same buffer. */
export class ReusesReadBuffer extends ReferenceStore {
  readonly #buffer = new Uint8Array(16 * 1024 * 1024);

  override read(lo: number, hi: number, maxBytes: number): Entry[] {
    let at = 0;
    return super.read(lo, hi, maxBytes).map((entry) => {
      if (entry.data === undefined) return entry;
      this.#buffer.set(entry.data, at);
      at += entry.data.length;
      return { ...entry, data: this.#buffer.subarray(at - entry.data.length, at) };
    });
  }
}

/** Absent and empty data become the same. */
export class EmptyIsAbsent extends ReferenceStore {
  protected override copyOf(entry: Entry): Entry {
    return entry.data?.length === 0 ? { ...entry, data: undefined } : super.copyOf(entry);
  }
}

/** Ids are rounded to numbers. */
export class RoundsIds extends ReferenceStore {
  protected override apply(plan: SavePlan): void {
    super.apply(plan);
    const { hardState } = this.log;
    this.log.hardState = { ...hardState, vote: BigInt(Number(hardState.vote)) };
  }
}

/** An installed snapshot leaves the entries above it in the store. */
export class ForgetsReset extends ReferenceStore {
  protected override applyMarker(marker: SnapshotMetadata, resets: boolean): void {
    const kept = [...this.log.entries];
    super.applyMarker(marker, resets);
    for (const [index, entry] of kept) this.log.entries.set(index, entry);
  }
}

/** Every marker resets the log, even one that matches an entry. */
export class ResetsAlways extends ReferenceStore {
  protected override applyMarker(marker: SnapshotMetadata): void {
    super.applyMarker(marker, true);
  }
}

/** Only the voters of a membership are stored. */
export class KeepsVotersOnly extends ReferenceStore {
  protected override applyMarker(marker: SnapshotMetadata, resets: boolean): void {
    const { voters } = marker.confState;
    const confState = {
      voters,
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    super.applyMarker({ ...marker, confState }, resets);
  }
}

/** Only the newest marker is stored. */
export class KeepsNewestMarkerOnly extends ReferenceStore {
  protected override applyMarker(marker: SnapshotMetadata, resets: boolean): void {
    super.applyMarker(marker, resets);
    this.log.markers = [marker];
  }
}

/** A marker does not raise the commit index in the store. */
export class ForgetsCommitOfMarker extends ReferenceStore {
  protected override apply(plan: SavePlan): void {
    const { commit } = this.log.hardState;
    super.apply(plan);
    if (plan.marker !== undefined) this.log.hardState = { ...this.log.hardState, commit };
  }
}

/** A part of a batch that was rejected for want of space stays. */
export class KeepsPartWithoutSpace extends ReferenceStore {
  override async commit(plans: readonly SavePlan[], durable: boolean): Promise<void> {
    const first = plans[0];
    if (this.disk.nextFailure === 'no-space' && first !== undefined) this.apply(first);
    await super.commit(plans, durable);
  }
}
