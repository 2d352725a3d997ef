/** Entries as they are proposed: without term and index, which the leader assigns. */

import {
  encodeConfChange,
  encodeConfChangeV2,
  EntryType,
  isConfChangeV2,
  type ConfChange,
  type ConfChangeV2,
  type Entry,
} from '@babuza/raftpb';

export const normalEntry = (data: Uint8Array): Entry => ({
  index: 0,
  term: 0,
  type: EntryType.Normal,
  data,
});

/** @throws RaftpbEncodeError (`RAFTPB_ENCODE`) when the change cannot be encoded. */
export function changeEntry(change: ConfChange | ConfChangeV2): Entry {
  if (!isConfChangeV2(change)) {
    return { index: 0, term: 0, type: EntryType.ConfChange, data: encodeConfChange(change) };
  }
  const data = encodeConfChangeV2(change);
  // The change that leaves a joint membership is encoded as 0 bytes.
  const type = EntryType.ConfChangeV2;
  return data.length === 0 ? { index: 0, term: 0, type } : { index: 0, term: 0, type, data };
}
