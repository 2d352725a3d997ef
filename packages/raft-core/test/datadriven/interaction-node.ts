/**
 * One node of the interaction tests, with its storage, its state machine, which appends all data,
 * and the queues of its storage threads. Source: etcd-io/raft `rafttest/interaction_env.go`.
 */

import {
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  type ConfChange,
  type ConfChangeV2,
  type Entry,
  type HardState,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import { isEmptyHardState } from '../../src/ready.ts';
import { MemoryStorage, RawNode, type RaftConfig } from '../../src/index.ts';
import { DirectiveError } from './directive-error.ts';

const noBytes = new Uint8Array(0);

/** A storage whose snapshot is always the newest state of the state machine. */
export class HistoryStorage extends MemoryStorage {
  readonly history: Snapshot[] = [];
  #newest: Snapshot;

  constructor(first: Snapshot) {
    super();
    this.#newest = first;
    this.history.push(first);
  }

  record(snapshot: Snapshot): void {
    this.#newest = snapshot;
    this.history.push(snapshot);
  }

  override snapshot(): Snapshot {
    return this.#newest;
  }
}

/** One write, of a Ready or of a message to the append thread. */
export interface Write {
  readonly hardState?: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
}

export class InteractionNode {
  readonly id: bigint;
  readonly config: RaftConfig;
  readonly storage: HistoryStorage;
  readonly raw: RawNode;
  appendWork: Message[] = [];
  applyWork: Message[] = [];

  constructor(config: RaftConfig, storage: HistoryStorage) {
    this.id = config.id;
    this.config = config;
    this.storage = storage;
    this.raw = new RawNode(config);
  }

  write({ hardState, entries, snapshot }: Write): void {
    if (hardState !== undefined && !isEmptyHardState(hardState)) {
      this.storage.setHardState(hardState);
    }
    if (snapshot === undefined || snapshot.metadata.index === 0) {
      this.storage.append(entries);
      return;
    }
    if (entries.length > 0) {
      throw new DirectiveError("can't apply snapshot and entries at the same time");
    }
    this.storage.applySnapshot(snapshot);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) this.#applyOne(entry);
  }

  #applyOne(entry: Entry): void {
    const last = this.storage.snapshot();
    const change = changeOf(entry);
    const confState =
      change === undefined ? last.metadata.confState : this.raw.applyConfChange(change);
    const added = (change === undefined ? entry.data : change.context) ?? noBytes;
    this.storage.record({
      data: Uint8Array.from([...(last.data ?? noBytes), ...added]),
      metadata: { confState, index: entry.index, term: entry.term },
    });
  }
}

function changeOf({ type, data }: Entry): ConfChange | ConfChangeV2 | undefined {
  if (type === EntryType.ConfChange) return decodeConfChange(data ?? noBytes);
  if (type === EntryType.ConfChangeV2) return decodeConfChangeV2(data ?? noBytes);
  return undefined;
}
