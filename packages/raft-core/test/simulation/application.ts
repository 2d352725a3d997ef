/**
 * The replicated application of a node: a chain of digests over the entries it was given, and the
 * membership. It lives in memory; only its snapshots outlive a crash.
 */

import { emptyConfState, type ConfState, type Entry, type Snapshot } from '@babuza/raftpb';

const digestBytes = 4;

export class Application {
  applied = 0;
  digest = 0;
  confState: ConfState = emptyConfState;
  /**
   * Entries up to here are covered by a snapshot that was received and is not installed yet: they
   * must not be applied any more, because the core has the membership of the snapshot already.
   */
  supersededTo = 0;

  apply(entry: Entry): void {
    this.applied = entry.index;
    let digest = Math.imul(this.digest ^ entry.term, 0x01000193) ^ entry.type;
    for (const byte of entry.data ?? []) digest = Math.imul(digest ^ byte, 0x01000193);
    this.digest = digest >>> 0;
  }

  /** The state as of now, for a snapshot. */
  encode(): Uint8Array {
    const data = new Uint8Array(digestBytes);
    new DataView(data.buffer).setUint32(0, this.digest);
    return data;
  }

  restore({ metadata, data }: Snapshot): void {
    this.applied = metadata.index;
    this.confState = metadata.confState;
    // The snapshot that a group is founded with has no data: nothing was applied.
    this.digest =
      data === undefined || data.length === 0
        ? 0
        : new DataView(data.buffer, data.byteOffset, digestBytes).getUint32(0);
  }
}
