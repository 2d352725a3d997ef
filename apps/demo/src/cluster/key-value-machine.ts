/**
 * The state machine of the demo cluster: keys and values in memory, changed by commands of
 * `key-value-codec.ts`.
 *
 * `prepareSnapshot` fixes a view of the store (see `key-value-store.ts`): a few thousand
 * references, whatever the store holds, and independent of everything that is applied later. What
 * is written while `apply` goes on is therefore the state of exactly one index. Digests are made
 * from such views, too.
 */
import type {
  AppliedEntry,
  ApplyResult,
  ConcurrentStateMachine,
  SnapshotReader,
  SnapshotWriter,
} from '@babuza/raft';
import {
  decodeCommand,
  encodeResult,
  KeyValueCodecError,
  type KeyValueCommand,
  type KeyValueResult,
} from './key-value-codec.ts';
import { readSnapshot, writeSnapshot, type FixedState } from './key-value-snapshot.ts';
import { digestOf, KeyValueStore } from './key-value-store.ts';

export type KeyValueQuery =
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'digest' }
  | { readonly kind: 'size' };

/** The contents of a node in short: nodes with the same index have the same digest. */
export interface KeyValueDigest {
  /**
   * The index of the last applied command; 0 when there was none. Entries of the membership and of
   * sessions do not count.
   */
  readonly index: number;
  readonly keys: number;
  /** SHA-256 over the sorted contents, hexadecimal. */
  readonly sha256: string;
}

export interface KeyValueSize {
  readonly keys: number;
  /** Bytes of all values, without keys and overhead. */
  readonly bytes: number;
}

export type KeyValueAnswer =
  /** The bytes of the state itself: not to be changed. */
  | { readonly kind: 'value'; readonly value: Uint8Array | undefined }
  | ({ readonly kind: 'digest' } & KeyValueDigest)
  | ({ readonly kind: 'size' } & KeyValueSize);

export class KeyValueMachine implements ConcurrentStateMachine<KeyValueQuery, KeyValueAnswer> {
  readonly kind = 'concurrent';
  #store = new KeyValueStore();
  #index = 0;

  /**
   * Commands in order, each with its answer as bytes: see `decodeResult`. It throws for none of
   * them.
   */
  apply(entries: readonly AppliedEntry[]): readonly ApplyResult[] {
    return entries.map(({ index, data }) => {
      this.#index = index;
      return encodeResult(this.#applyBytes(data));
    });
  }

  query(query: KeyValueQuery): KeyValueAnswer | Promise<KeyValueAnswer> {
    switch (query.kind) {
      case 'get':
        return { kind: 'value', value: this.#store.get(query.key) };
      case 'size':
        return { kind: 'size', ...this.size };
      default:
        return this.digest().then((digest) => ({ kind: 'digest', ...digest }));
    }
  }

  get size(): KeyValueSize {
    return { keys: this.#store.count, bytes: this.#store.bytes };
  }

  /** Computes the digest of the state at the time of the call. */
  async digest(): Promise<KeyValueDigest> {
    const { index, view } = this.prepareSnapshot();
    return { index, keys: view.count, sha256: await digestOf(view) };
  }

  prepareSnapshot(): FixedState {
    return { index: this.#index, view: this.#store.view() };
  }

  async saveSnapshot(
    prepared: FixedState,
    writer: SnapshotWriter,
    signal: AbortSignal,
  ): Promise<void> {
    await writeSnapshot(prepared, writer, signal);
  }

  /** Replaces the state by the snapshot. On failure the state stays as it was. */
  async restoreSnapshot(reader: SnapshotReader, signal: AbortSignal): Promise<void> {
    const { index, store } = await readSnapshot(reader, signal);
    this.#store = store;
    this.#index = index;
  }

  close(): void {
    this.#store = new KeyValueStore();
    this.#index = 0;
  }

  /**
   * Applies the bytes of a command. Bytes that are not a command get the same answer on every
   * replica; an exception would stop all of them.
   */
  #applyBytes(data: Uint8Array): KeyValueResult {
    let command: KeyValueCommand;
    try {
      command = decodeCommand(data);
    } catch (error) {
      if (error instanceof KeyValueCodecError) return { kind: 'malformed' };
      throw error;
    }
    return this.#applyCommand(command);
  }

  #applyCommand(command: KeyValueCommand): KeyValueResult {
    const { kind, key } = command;
    if (kind === 'delete') return { kind, existed: this.#store.delete(key) };
    if (kind === 'put') return { kind, existed: this.#set(key, command.value) };
    const current = this.#store.get(key);
    const { expected } = command;
    const swapped =
      current === undefined || expected === undefined
        ? current === expected
        : Buffer.compare(current, expected) === 0;
    if (swapped) this.#set(key, command.value);
    return { kind, swapped };
  }

  /** Copies the value, because a view would keep the whole buffer of the entry in memory. */
  #set(key: string, value: Uint8Array): boolean {
    return this.#store.set(key, new Uint8Array(value));
  }
}
