/**
 * The protobuf codec of the Raft types, written by hand for the bytes that etcd writes (proto2).
 * Each message has a file in `messages/` with the same four functions, built on the functions of
 * `wire/`:
 *
 * - `…EncodedSize` checks the value and returns its size. Every encoder calls it first, so that a
 *   value that the wire cannot carry is refused before the first byte is written.
 * - `encode…` returns new bytes, and `encode…Into` writes into a target of the caller.
 * - `decode…` reads untrusted bytes: absent fields have their default, fields come in any order,
 *   unknown ones are skipped, the last one wins, and embedded messages are merged.
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
export {
  decodeMessage,
  encodeMessage,
  encodeMessageInto,
  messageEncodedSize,
  responsesDepthMax,
} from './messages/message.ts';
export {
  confChangeEncodedSize,
  decodeConfChange,
  encodeConfChange,
  encodeConfChangeInto,
} from './messages/conf-change.ts';
export {
  confChangeSingleEncodedSize,
  decodeConfChangeSingle,
  encodeConfChangeSingle,
  encodeConfChangeSingleInto,
} from './messages/conf-change-single.ts';
export {
  confChangeV2EncodedSize,
  decodeConfChangeV2,
  encodeConfChangeV2,
  encodeConfChangeV2Into,
} from './messages/conf-change-v2.ts';
