/** Managers that each break one rule of the contract. */
import type { GroupOptions, OpenedWal, ReplayOptions, WalMetadataInput } from '@babuza/wal-core';
import type { EntryView } from '@babuza/wal-core/backend';
import type { SnapshotMetadata } from '@babuza/raftpb';
import { MemoryDisk, ReferenceManager, ReferenceStore, type StoreParts } from './reference.ts';
import type { HandOut } from './wrong-logs.ts';

/** A manager with another store, or with a wrapper around its logs. */
export class PatchedManager extends ReferenceManager {
  readonly #Store: new (...parts: StoreParts) => ReferenceStore;
  readonly #handOut: HandOut;

  constructor(
    disk: MemoryDisk,
    Store: new (...parts: StoreParts) => ReferenceStore = ReferenceStore,
    handOut: HandOut = (opened) => opened,
  ) {
    super(disk);
    this.#Store = Store;
    this.#handOut = handOut;
  }

  protected override makeStore(
    log: StoreParts[1],
    snapshot: SnapshotMetadata | undefined,
    onClose: () => void,
  ): ReferenceStore {
    return new this.#Store(this.disk, log, snapshot, onClose);
  }

  protected override handOut(opened: OpenedWal, view: EntryView): OpenedWal {
    return this.#handOut(opened, view);
  }
}

/** Entries above the limit are written. */
export class NoLimitOnWrite extends PatchedManager {
  protected override entryBytesMax(): number {
    return Number.MAX_SAFE_INTEGER;
  }
}

/** A log without entries does not count as a log. */
export class ForgetsEmptyLogs extends ReferenceManager {
  override async hasExistingWal(options?: GroupOptions): Promise<boolean> {
    await super.hasExistingWal(options);
    return [...this.disk.logs.values()].some(({ entries }) => entries.size > 0);
  }
}

/** The expected metadata is not compared. */
export class SkipsMetadataCheck extends ReferenceManager {
  protected override checkMetadata(): void {}
}

/** An unknown snapshot is replaced by the newest one. */
export class StartsFromAnySnapshot extends ReferenceManager {
  protected override findMarker(
    markers: readonly SnapshotMetadata[],
    wanted: NonNullable<ReplayOptions['snapshot']>,
  ): SnapshotMetadata {
    return markers.at(-1) ?? super.findMarker(markers, wanted);
  }
}

/** An open log is opened a second time. */
export class OpensTwice extends ReferenceManager {
  protected override checkOwner(): void {}
  protected override checkNotOpen(): void {}
}

/** All groups share one log. */
export class OneLogForAllGroups extends ReferenceManager {
  override hasExistingWal(): Promise<boolean> {
    return super.hasExistingWal();
  }

  override createWal(metadata: WalMetadataInput): Promise<OpenedWal> {
    return super.createWal(metadata);
  }

  override findSnapshots(): Promise<SnapshotMetadata[]> {
    return super.findSnapshots();
  }

  override replayWal({ groupId: _, ...options }: ReplayOptions = {}): Promise<OpenedWal> {
    return super.replayWal(options);
  }
}

/** Creating a log replaces an existing one. */
export class CreatesOverALog extends ReferenceManager {
  override async createWal(metadata: WalMetadataInput, options?: GroupOptions): Promise<OpenedWal> {
    const kept = new Map(this.disk.logs);
    this.disk.logs.delete(BigInt(options?.groupId ?? 0n));
    try {
      return await super.createWal(metadata, options);
    } catch (error) {
      for (const [groupId, log] of kept) this.disk.logs.set(groupId, log);
      throw error;
    }
  }
}

/** A closed manager keeps working. */
export class NeverClosesManager extends ReferenceManager {
  readonly #logs: OpenedWal[] = [];
  #closing: Promise<void> | undefined;

  override close(): Promise<void> {
    this.#closing ??= Promise.all(this.#logs.map(({ wal }) => wal.close())).then(() => {
      this.disk.owner = undefined;
    });
    return this.#closing;
  }

  protected override handOut(opened: OpenedWal): OpenedWal {
    this.#logs.push(opened);
    return opened;
  }
}

/** The manager keeps the identity record in its own memory, not on the disk. */
export class ForgetsIdentityRecord extends ReferenceManager {
  readonly #records = new Map<bigint, Uint8Array>();

  override async readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined> {
    await super.readIdentity(options);
    return this.#records.get(BigInt(options?.groupId ?? 0n))?.slice();
  }

  protected override keepIdentity(groupId: bigint, record: Uint8Array): void {
    this.#records.set(groupId, record);
  }
}

/** All groups share one identity record. */
export class OneIdentityRecord extends ReferenceManager {
  override readIdentity(): Promise<Uint8Array | undefined> {
    return super.readIdentity();
  }

  protected override keepIdentity(_groupId: bigint, record: Uint8Array): void {
    super.keepIdentity(0n, record);
  }
}

/** The identity record is not copied. */
export class SharesIdentityRecord extends ReferenceManager {
  override async readIdentity(options?: GroupOptions): Promise<Uint8Array | undefined> {
    await super.readIdentity(options);
    return this.disk.identities.get(BigInt(options?.groupId ?? 0n));
  }
}

/** The identity of the metadata is not stored. */
export class ForgetsIdentity extends ReferenceManager {
  override async replayWal(options?: ReplayOptions): Promise<OpenedWal> {
    const { metadata, ...opened } = await super.replayWal(options);
    return { ...opened, metadata: { ...metadata, identity: undefined } };
  }
}

/** No event is emitted. */
export class SaysNothing extends ReferenceManager {
  override readonly events: ReferenceManager['events'] = silentHub();
}

function silentHub(): ReferenceManager['events'] {
  const { events } = new ReferenceManager(new MemoryDisk());
  events.emit = () => undefined;
  return events;
}
