/**
 * The protobuf codec of the Raft types, written by hand for the wire of etcd (proto2). Each message
 * has one file in `messages/` with the same four functions, on the small tools of `wire/`:
 *
 * - `…EncodedSize`: checks the value and says how many bytes it takes; every encoder starts with it,
 *   so that a value that the wire cannot carry is refused before the first byte is written;
 * - `encode…` into bytes of its own, and `encode…Into` a target of the caller;
 * - `decode…`: absent fields are their default, fields come in any order, unknown ones are skipped,
 *   the last one wins, embedded messages are merged. The input is not trusted.
 *
 * A new message is one more such file and one more line here.
 */

export {
  decodeEntry,
  encodeEntry,
  encodeEntryInto,
  entryEncodedSize,
  type EntryForm,
} from './messages/entry.ts';
export {
  decodeHardState,
  encodeHardState,
  encodeHardStateInto,
  hardStateEncodedSize,
} from './messages/hard-state.ts';
export {
  confStateEncodedSize,
  decodeConfState,
  encodeConfState,
  encodeConfStateInto,
} from './messages/conf-state.ts';
export {
  decodeSnapshotMetadata,
  encodeSnapshotMetadata,
  encodeSnapshotMetadataInto,
  snapshotMetadataEncodedSize,
} from './messages/snapshot-metadata.ts';
export {
  decodeSnapshot,
  encodeSnapshot,
  encodeSnapshotInto,
  snapshotEncodedSize,
} from './messages/snapshot.ts';
