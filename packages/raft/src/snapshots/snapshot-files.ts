/** The files of a snapshot: the user's state and the node's own part. */
import { ChunkChannel } from './chunk-channel.ts';
import type { OpenSnapshot, SnapshotFiles } from '../ports/snapshot-manager.ts';
import type { SnapshotReader, SnapshotWriter } from '../ports/state-machine.ts';
import { nodeFileName, stateFileName } from '../apply/replicated-state.ts';

/**
 * The prefix of the user's additional files, so that their names cannot clash with the node's own.
 */
const userPrefix = 'file.';

/**
 * Writes the node's part and what `save` writes. When it fails, nothing of the snapshot remains.
 */
export async function writeSnapshotFiles(
  files: SnapshotFiles,
  nodePart: Uint8Array,
  save: (writer: SnapshotWriter) => Promise<void>,
): Promise<void> {
  await files.writeFile(nodeFileName, [nodePart]);
  const channel = new ChunkChannel();
  const writing = files.writeFile(stateFileName, channel).catch((error: unknown) => {
    channel.fail(error instanceof Error ? error : new Error(String(error)));
    throw error;
  });
  const writer: SnapshotWriter = {
    write: (chunk) => channel.write(chunk),
    writeFile: (name, chunks) => files.writeFile(userPrefix + name, chunks),
    linkFile: (name, path) => files.linkFile(userPrefix + name, path),
  };
  // A `save` that throws synchronously also ends the file, for which the manager waits.
  const saving = (async () => save(writer))().then(
    () => channel.end(),
    (error: unknown) => {
      channel.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  const [saved, written] = await Promise.allSettled([saving, writing]);
  if (saved.status === 'rejected') throw saved.reason;
  if (written.status === 'rejected') throw written.reason;
}

/** Reads the node's whole part of the snapshot. */
export async function readNodePart(open: OpenSnapshot): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of open.readFile(nodeFileName)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Whether the snapshot has a state of the user. The one that a cluster begins with has none. */
export function hasState(open: OpenSnapshot): boolean {
  return open.fileNames.includes(stateFileName);
}

export function stateReader(open: OpenSnapshot): SnapshotReader {
  return {
    fileNames: open.fileNames
      .filter((name) => name.startsWith(userPrefix))
      .map((name) => name.slice(userPrefix.length)),
    read: () => open.readFile(stateFileName),
    readFile: (name) => open.readFile(userPrefix + name),
  };
}
