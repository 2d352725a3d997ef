/**
 * The status of a node as JSON text.
 *
 * Source: etcd-io/raft `status.go`, `MarshalJSON`.
 */

import type { Status } from '../status.ts';
import { hex, progressStateName, stateTypeName } from './names.ts';

/** Returns the status as JSON in etcd's form: hexadecimal ids, members in ascending order. */
export function statusJson(status: Status): string {
  // `JSON.stringify` would move keys that look like numbers to the front.
  const progress = [...status.progress.values()].map(
    ({ id, match, next, state }) =>
      `"${hex(id)}":{"match":${match},"next":${next},"state":"${progressStateName(state)}"}`,
  );
  return (
    `{"id":"${hex(status.id)}","term":${status.term},"vote":"${hex(status.vote)}",` +
    `"commit":${status.commit},"lead":"${hex(status.lead)}",` +
    `"raftState":"${stateTypeName(status.raftState)}","applied":${status.applied},` +
    `"progress":{${progress.join(',')}},"leadtransferee":"${hex(status.leadTransferee)}"}`
  );
}
