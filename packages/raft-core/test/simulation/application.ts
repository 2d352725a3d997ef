/**
 * The replicated application of a node: a chain of digests over the applied entries, and the
 * membership. It is in memory; only its snapshots survive a crash.
 */

import { emptyConfState, type ConfState, type Entry, type Snapshot } from '@babuza/raftpb';

const digestBytes = 4;

export class Application {
  applied = 0;
  digest = 0;
  confState: ConfState = emptyConfState;
  /**
   * The index of a received snapshot that is not installed yet. Entries up to it must not be
   * applied any more, because the core already has the membership of the snapshot.
   */
  supersededTo = 0;

  apply(entry: Entry): void {
    this.applied = entry.index;
    let digest = Math.imul(this.digest ^ entry.term, 0x01000193) ^ entry.type;
    for (const byte of entry.data ?? []) digest = Math.imul(digest ^ byte, 0x01000193);
    this.digest = digest >>> 0;
  }

  /** Encodes the state for a snapshot. */
  encode(): Uint8Array {
    const data = new Uint8Array(digestBytes);
    new DataView(data.buffer).setUint32(0, this.digest);
    return data;
  }

  restore({ metadata, data }: Snapshot): void {
    this.applied = metadata.index;
    this.confState = metadata.confState;
    // The snapshot that a group starts with has no data.
    this.digest =
      data === undefined || data.length === 0
        ? 0
        : new DataView(data.buffer, data.byteOffset, digestBytes).getUint32(0);
  }
}
