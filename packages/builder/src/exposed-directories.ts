/** Tells an operator when other users of the machine can reach what a node keeps on its disk. */
import { join } from 'node:path';
import type { Logger } from '@babuza/raft';
import { rightsOfOthers } from '@babuza/vfs';

/**
 * Writes at most one line, at the level `warn`. `folders` are those below `root` that hold data:
 * the log and the snapshots, each with its identity record. Others may list the root, but may not
 * write to it: they could rename a folder and put another one in its place.
 */
export async function reportExposedDirectories(
  root: string,
  folders: readonly string[],
  logger: Logger | undefined,
): Promise<void> {
  if (logger === undefined) return;
  const exposed: { readonly path: string; readonly others: 'read' | 'write' }[] = [];
  for (const path of [root, ...folders.map((folder) => join(root, folder))]) {
    const others = await rightsOfOthers(path);
    if (others === undefined || (path === root && others === 'read')) continue;
    exposed.push({ path, others });
  }
  if (exposed.length === 0) return;
  logger.warn(
    'other users of this machine may read or write directories of this node; give them to the user of this process alone, with mode 0700',
    { directories: exposed },
  );
}
