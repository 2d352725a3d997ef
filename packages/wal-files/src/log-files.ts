/**
 * The interface between `FileWalManager` and a back end: everything that depends on the format of
 * the files.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { TailReport, WalMetadata } from '@babuza/wal-core';
import type {
  EntryReader,
  EntryView,
  LogState,
  LogStore,
  PositionIndex,
  WalEventHub,
} from '@babuza/wal-core/backend';

/** The group of a log and the directory with its files. */
export interface LogLocation {
  readonly groupId: bigint;
  readonly directory: string;
}

/**
 * A log that was created or recovered: its files are open for writing, and nothing is left to
 * repair.
 */
export interface ReadyLog {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  readonly reader: EntryReader;
  /** Called once. The store calls `onClosed` when it has closed all files. */
  openStore(view: EntryView<PositionIndex>, events: WalEventHub, onClosed: () => void): LogStore;
}

/** A log that was read and may be opened. Its files are open, and nothing was changed yet. */
export interface FoundLog {
  readonly metadata: WalMetadata;
  readonly state: LogState<PositionIndex>;
  /** Damage that was repaired without loss, for reports. */
  readonly repaired: readonly { readonly file: string; readonly what: string }[];
  /** Cuts a torn tail and makes the rest durable. Errors of the disk may be `FileError`s. */
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

  /** Whether a file with this name is temporary. A new log removes such files. */
  isTemporary(name: string): boolean;

  /**
   * The names of the last two segments, the older one first, which a former owner may still have
   * open for writing. `temporaryName` is a name for a copy of one of them; `isTemporary` accepts
   * it.
   */
  lastSegments(directory: string): Promise<LastSegments>;

  /** Creates a log in a directory that has no log. Throws errors of wal-core. */
  create(location: LogLocation, metadata: WalMetadata): Promise<ReadyLog>;

  /** Reads a log once, without its lock. Changes nothing and leaves no file open. */
  look(location: LogLocation): Promise<{ tail: TailReport; markers: SnapshotMetadata[] }>;

  /** Reads a log. If the log is damaged, it throws and closes the files. */
  find(location: LogLocation): Promise<FoundLog>;
}
