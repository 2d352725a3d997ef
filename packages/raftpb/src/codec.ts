/**
 * The protobuf codec of the Raft types, written by hand for the wire of etcd (proto2). Each message
 * has one file in `messages/` with the same four functions, on the small tools of `wire/`:
 *
 * - `…EncodedSize`: checks the value and says how many bytes it takes; every encoder starts with
 *   it, so that a value that the wire cannot carry is refused before the first byte is written;
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
