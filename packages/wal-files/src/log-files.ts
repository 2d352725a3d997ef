/**
 * What a back end does for `FileWalManager`: everything that depends on what its files look like.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type {
  EntryReader,
  EntryView,
  LogState,
  LogStore,
  PositionIndex,
  TailReport,
  WalEventHub,
  WalMetadata,
} from '@babuza/wal-core';

/** Which log is meant, and the directory with its files. */
export interface LogPlace {
  readonly groupId: bigint;
  readonly directory: string;
}

/** A log whose files are open for writing and whole: created, or recovered. */
export interface ReadyLog {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  readonly reader: EntryReader;
  /** Called once. `onClosed` is called when the store has given everything back. */
  openStore(view: EntryView<PositionIndex>, events: WalEventHub, onClosed: () => void): LogStore;
}

/** A log that was read and judged. Nothing is changed yet; its files are open. */
export interface FoundLog {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  /** Damage that costs nothing. */
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
  /**
   * Cuts what may be cut and makes durable what is kept. Errors of the disk may be `FileError`s.
   */
  recover(): Promise<{ tail: TailReport; ready: ReadyLog }>;
  /** Closes the files; never rejects. */
  abandon(): Promise<void>;
}

export interface LastSegments {
  readonly fileNames: readonly string[];
  readonly temporaryName: string;
}

/**
 * The files of one kind of log. Errors of the disk are `FileError`s unless a method says otherwise.
 */
export interface LogFiles {
  /** Whether there is a log in the directory, which exists. May throw `ForeignFileError`. */
  hasLog(directory: string): Promise<boolean>;

  /** Whether a file with this name is no obstacle to a new log, and is removed. */
  isTemporary(name: string): boolean;

  /**
   * The names of the last two segments, the older one first: an owner that still lives may have
   * them open for writing. And a name for a copy of one of them, which `isTemporary`.
   */
  lastSegments(directory: string): Promise<LastSegments>;

  /** Creates a log in a directory without one. Throws errors of wal-core. */
  create(place: LogPlace, metadata: WalMetadata): Promise<ReadyLog>;

  /** Looks at a log once, without its lock; changes nothing and leaves no file open. */
  look(place: LogPlace): Promise<{ tail: TailReport; markers: SnapshotMetadata[] }>;

  /** Reads a log; throws and closes its files where it may not be started from. */
  find(place: LogPlace): Promise<FoundLog>;
}
