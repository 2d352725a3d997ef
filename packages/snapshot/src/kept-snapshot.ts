/** A snapshot that a manager has, and who holds it. */
import type { StoredSnapshot } from '@babuza/raft';
import { storedBytesOf } from './format/manifest.ts';
import type { SnapshotContents } from './format/metadata-file.ts';

export class KeptSnapshot {
  readonly contents: SnapshotContents;
  readonly stored: StoredSnapshot;
  /** Of its folder; another one once it was set aside. */
  name: string;
  pins = 0;
  /** Made in this life, or read whole in it. */
  isChecked: boolean;
  /**
   * - `stays`: it exists.
   * - `goes`: it was removed for everybody but those who hold it; its folder goes with the last of
   *   them.
   * - `gone`: its folder is removed or set aside.
   */
  fate: 'stays' | 'goes' | 'gone' = 'stays';

  constructor(name: string, contents: SnapshotContents, isChecked: boolean) {
    const { metadata, manifest, manifestBytes, places } = contents;
    this.name = name;
    this.isChecked = isChecked;
    this.contents = contents;
    this.stored = Object.freeze({
      metadata,
      id: manifest.id,
      bytes: storedBytesOf(manifest),
      // A copy: what is handed out may be changed by others.
      manifest: manifestBytes.slice(),
      linkedPaths: places.flatMap(({ outside }) => (outside === undefined ? [] : [outside])),
    });
  }
}
