/**
 * What opening does: locks, removes what interrupted work left, and sorts what is whole from what
 * is damaged. It can be interrupted anywhere and done again.
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
 * The snapshots of the folder. The folder is locked when this resolves, and not when it rejects.
 */
export async function openFolder(folder: SnapshotFolder): Promise<KeptSnapshot[]> {
  try {
    await translating(writeFailure, () => folder.prepare());
    const { snapshots, leftovers, parts } = await translating(readFailure, () => folder.find());
    await translating(writeFailure, async () => {
      for (const name of leftovers) await folder.removeTree(name);
    });
    const kept: KeptSnapshot[] = [];
    for (const name of snapshots) {
      const contents = await wholeContents(folder, name);
      if (contents !== undefined) kept.push(new KeptSnapshot(name, contents, false));
    }
    const newestIndex = kept.at(-1)?.contents.metadata.index ?? 0;
    await translating(writeFailure, () => keepNewestPart(folder, parts, newestIndex));
    return kept;
  } catch (error) {
    await folder.release().catch(() => undefined);
    throw error;
  }
}

/**
 * Looks at a snapshot without reading its files. A damaged one is set aside; others are there for
 * that.
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
 * Of interrupted transfers only the newest is worth its space, and only if it is newer than what is
 * here.
 */
async function keepNewestPart(
  folder: SnapshotFolder,
  parts: readonly string[],
  newestIndex: number,
): Promise<void> {
  let best: { readonly name: string; readonly index: number } | undefined;
  for (const name of parts) {
    const index = await partIndex(folder, name);
    if (index > Math.max(newestIndex, best?.index ?? 0)) best = { name, index };
  }
  for (const name of parts) if (name !== best?.name) await folder.removeTree(name);
}

/** 0 where the transfer had hardly begun, or another release has begun it. */
async function partIndex(folder: SnapshotFolder, name: string): Promise<number> {
  try {
    const { metadata } = await translating(readFailure, () => folder.readContents(name));
    return metadata.index;
  } catch (error) {
    const code = error instanceof SnapshotError ? error.code : undefined;
    if (code === 'SNAPSHOT_CORRUPT' || code === 'SNAPSHOT_VERSION') return 0;
    throw error;
  }
}
