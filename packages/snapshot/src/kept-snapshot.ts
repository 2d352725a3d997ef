/** A snapshot of a manager, and the number of its readers. */
import type { StoredSnapshot } from '@babuza/raft/ports';
import { storedBytesOf } from './format/manifest.ts';
import type { SnapshotContents } from './format/metadata-file.ts';

export class KeptSnapshot {
  readonly contents: SnapshotContents;
  readonly stored: StoredSnapshot;
  /** The name of its folder, which changes when the snapshot is set aside. */
  name: string;
  pins = 0;
  /** Whether this process has made the snapshot or has read all of it. */
  isChecked: boolean;
  /**
   * The state of its removal.
   *
   * - `none`: it exists and is listed.
   * - `pending`: it is not listed any more, and its folder is removed when its last reader closes
   *   it.
   * - `done`: its folder was removed or set aside.
   */
  removal: 'none' | 'pending' | 'done' = 'none';

  constructor(name: string, contents: SnapshotContents, isChecked: boolean) {
    const { metadata, manifest, manifestBytes, locations } = contents;
    this.name = name;
    this.isChecked = isChecked;
    this.contents = contents;
    this.stored = Object.freeze({
      metadata,
      id: manifest.id,
      bytes: storedBytesOf(manifest),
      // A copy, because callers may change what they get.
      manifest: manifestBytes.slice(),
      linkedPaths: locations.flatMap(({ outside }) => (outside === undefined ? [] : [outside])),
    });
  }
}
