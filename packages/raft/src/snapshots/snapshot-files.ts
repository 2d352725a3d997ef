/** How the state of a user and the node's own part lie in the files of a snapshot. */
import { ChunkChannel } from './chunk-channel.ts';
import type { OpenSnapshot, SnapshotFiles } from '../ports/snapshot-manager.ts';
import type { SnapshotReader, SnapshotWriter } from '../ports/state-machine.ts';
import { nodeFileName, stateFileName } from '../apply/replicated-state.ts';

/** The user's further files: their names cannot clash with ours. */
const userPrefix = 'file.';

/** Writes the node's part and what `save` gives. Where it fails, nothing of the snapshot stays. */
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
  // Also one that throws at once ends the file, which the manager waits for.
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

/** The node's part, whole. */
export async function readNodePart(open: OpenSnapshot): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of open.readFile(nodeFileName)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Whether there is a state of the user: a cluster begins with a snapshot that has none. */
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
