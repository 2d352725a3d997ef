/**
 * The texts of the field: how etcd raft prints its values. Logs, tests and tools share them, so
 * that an output can be compared with etcd's own line by line.
 *
 * Source: etcd-io/raft `util.go`; packages/raft-core/test/datadriven/README.md, sections 2 and 3.
 */

export {
  describeConfChange,
  describeConfState,
  describeIdSet,
  describeMembership,
  describeOperations,
  describeProgress,
  describeProgressMap,
} from './configuration.ts';
export {
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeSoftState,
} from './messages.ts';
export { entryTypeName, messageTypeName, progressStateName, stateTypeName } from './names.ts';
export { quote } from './quote.ts';
