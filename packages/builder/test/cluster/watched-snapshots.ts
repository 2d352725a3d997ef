/**
 * Observes snapshots while they are made: those of one index must be equal on every node. Making
 * and receiving them may meet a shortage.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { SnapshotFiles, SnapshotManager } from '@babuza/raft/ports';
import type { Activity } from './activity.ts';
import type { AppliedLedger } from './ledger.ts';

/** The part of a snapshot that the node writes. */
const nodeFileName = 'node.json';

export interface SnapshotWatcher {
  readonly activity: Activity;
  /** The error of this step, or `undefined` if it succeeds. */
  readonly shortage: () => Error | undefined;
  readonly fail: (problem: string) => void;
}

/** All snapshots of an index must have the same term and members. */
export function watchedSnapshots(
  manager: SnapshotManager,
  ledger: AppliedLedger,
  isSameEverywhere: boolean,
  { activity, shortage, fail }: SnapshotWatcher,
): SnapshotManager {
  const compare = (place: string, text: string): void => {
    const difference = ledger.snapshotDiffers(place, text);
    if (difference !== undefined) fail(difference);
  };
  const failing = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const before = shortage();
    if (before !== undefined) throw before;
    const result = await work();
    // Fails after the work was done, as if only the last step had failed.
    const behind = shortage();
    if (behind !== undefined) throw behind;
    return result;
  };
  const create: SnapshotManager['create'] = (metadata, write, signal) => {
    compare(`of index ${metadata.index}`, textOf(metadata));
    const writeWatched = (files: SnapshotFiles): Promise<void> =>
      write({
        writeFile: (name, chunks) => {
          // A disk machine that is ahead of the log produces no results for these entries, and the
          // file of its node records that.
          if (isSameEverywhere && name === nodeFileName && Array.isArray(chunks)) {
            compare(`of the node at index ${metadata.index}`, Buffer.concat(chunks).toString());
          }
          return files.writeFile(name, chunks);
        },
        linkFile: (name, path) => files.linkFile(name, path),
      });
    return activity.makes(metadata, () =>
      failing(() => manager.create(metadata, writeWatched, signal)),
    );
  };
  const receive: SnapshotManager['receive'] = (...given) =>
    failing(() => manager.receive(...given));
  const retain: SnapshotManager['retain'] = async (count) => {
    await manager.retain(count);
    activity.retained(manager.list());
  };
  const own: Partial<SnapshotManager> = { create, receive, retain };
  return new Proxy(manager, {
    get: (of, name) => {
      const watched: unknown = Reflect.get(own, name);
      if (watched !== undefined) return watched;
      const value: unknown = Reflect.get(of, name, of);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
}

/** Sorts the members, because their order has no meaning. */
function textOf({ term, confState }: SnapshotMetadata): string {
  const sorted = Object.entries(confState).map(([name, value]: [string, unknown]) => {
    const told = Array.isArray(value) ? value.map(String).sort().join(' ') : String(value);
    return `${name} ${told}`;
  });
  return `term ${term}, ${sorted.sort().join(', ')}`;
}
