/**
 * Opens the folder of a group: takes its lock, removes the leftovers of interrupted work, and
 * separates the valid snapshots from the damaged ones. It may be interrupted anywhere and run
 * again.
 */
import { KeptSnapshot } from './kept-snapshot.ts';
import type { SnapshotContents } from './format/metadata-file.ts';
import type { SnapshotFolder } from './snapshot-folder.ts';
import {
  isCorrupt,
  readFailure,
  SnapshotError,
  translating,
  writeFailure,
} from './snapshot-error.ts';

/**
 * Returns the snapshots of the folder. The folder is locked when this resolves, and not locked when
 * it rejects.
 */
export async function openFolder(folder: SnapshotFolder): Promise<KeptSnapshot[]> {
  try {
    await translating(writeFailure, () => folder.prepare());
    const { snapshots, leftovers, incoming } = await translating(readFailure, () => folder.find());
    await translating(writeFailure, async () => {
      for (const name of leftovers) await folder.removeTree(name);
    });
    const kept: KeptSnapshot[] = [];
    for (const name of snapshots) {
      const contents = await wholeContents(folder, name);
      if (contents !== undefined) kept.push(new KeptSnapshot(name, contents, false));
    }
    const newestIndex = kept.at(-1)?.contents.metadata.index ?? 0;
    await translating(writeFailure, () => keepNewestIncoming(folder, incoming, newestIndex));
    return kept;
  } catch (error) {
    await folder.release().catch(() => undefined);
    throw error;
  }
}

/**
 * Checks a snapshot without reading its files. A damaged one is set aside, so that an earlier one
 * is used.
 */
async function wholeContents(
  folder: SnapshotFolder,
  name: string,
): Promise<SnapshotContents | undefined> {
  try {
    return await translating(readFailure, () => folder.load(name));
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    await translating(writeFailure, () => folder.setAside(name));
    return undefined;
  }
}

/**
 * Keeps only the newest interrupted transfer, and only if it is newer than every snapshot. The
 * others are not worth their space.
 */
async function keepNewestIncoming(
  folder: SnapshotFolder,
  incoming: readonly string[],
  newestIndex: number,
): Promise<void> {
  let best: { readonly name: string; readonly index: number } | undefined;
  for (const name of incoming) {
    const index = await incomingIndex(folder, name);
    if (index > Math.max(newestIndex, best?.index ?? 0)) best = { name, index };
  }
  for (const name of incoming) if (name !== best?.name) await folder.removeTree(name);
}

/**
 * The index of the snapshot that a transfer brings, or 0 if its metadata is incomplete or of
 * another release.
 */
async function incomingIndex(folder: SnapshotFolder, name: string): Promise<number> {
  try {
    const { metadata } = await translating(readFailure, () => folder.readContents(name));
    return metadata.index;
  } catch (error) {
    const code = error instanceof SnapshotError ? error.code : undefined;
    if (code === 'SNAPSHOT_CORRUPT' || code === 'SNAPSHOT_VERSION') return 0;
    throw error;
  }
}
