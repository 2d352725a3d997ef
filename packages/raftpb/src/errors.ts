/**
 * The two errors of the codec. Match them by `code`, which is API: two copies of this package in
 * one process have different classes. Messages are for people and may change.
 */

/** Bytes that are not the message they should be. Nothing of them was believed. */
export class RaftpbDecodeError extends Error {
  override readonly name = 'RaftpbDecodeError';
  /** Stable; never another value. */
  readonly code = 'RAFTPB_DECODE';
  /** The message or field that could not be read, for example `Entry.term`. */
  readonly what: string;
  /** Where, in bytes from the start of the bytes given to the decoder. */
  readonly offset: number;

  constructor(what: string, offset: number, problem: string) {
    super(`${what} at byte ${offset}: ${problem}`);
    this.what = what;
    this.offset = offset;
  }
}

/** A value that the wire cannot carry unchanged. Nothing was written. */
export class RaftpbEncodeError extends Error {
  override readonly name = 'RaftpbEncodeError';
  /** Stable; never another value. */
  readonly code = 'RAFTPB_ENCODE';
  /** The message or field that could not be written, for example `HardState.vote`. */
  readonly what: string;

  constructor(what: string, problem: string) {
    super(`${what}: ${problem}`);
    this.what = what;
  }
}
