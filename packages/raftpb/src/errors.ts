/**
 * The two errors of the codec. Match them by `code`, which is API, because two copies of this
 * package in one process have different classes. The messages are for people and may change.
 */

/** The bytes are not a valid message of this type. */
export class RaftpbDecodeError extends Error {
  override readonly name = 'RaftpbDecodeError';
  /** Stable: this code never changes. */
  readonly code = 'RAFTPB_DECODE';
  /** The message or field that could not be read, for example `Entry.term`. */
  readonly what: string;
  /** The offset in bytes from the start of the input. */
  readonly offset: number;

  constructor(what: string, offset: number, problem: string) {
    super(`${what} at byte ${offset}: ${problem}`);
    this.what = what;
    this.offset = offset;
  }
}

/** The value cannot be encoded exactly. Nothing was written. */
export class RaftpbEncodeError extends Error {
  override readonly name = 'RaftpbEncodeError';
  /** Stable: this code never changes. */
  readonly code = 'RAFTPB_ENCODE';
  /** The message or field that could not be written, for example `HardState.vote`. */
  readonly what: string;

  constructor(what: string, problem: string) {
    super(`${what}: ${problem}`);
    this.what = what;
  }
}
