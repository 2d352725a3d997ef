/**
 * The entry point `@babuza/raft-core/describe`: texts of messages, entries and states as etcd's
 * raft prints them. Logs, tests and tools use them, so that their output can be compared with
 * etcd's line by line.
 *
 * Source: etcd-io/raft `util.go`; `tracker/progress.go`, `String`; `tracker/tracker.go`, `String`.
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
export { statusJson } from './status.ts';
