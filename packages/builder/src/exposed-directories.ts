/** Warns if other users of the machine can access the data of a node on disk. */
import { join } from 'node:path';
import type { Logger } from '@babuza/raft';
import { rightsOfOthers } from '@babuza/vfs';

/**
 * Logs at most one line, at level `warn`. `folders` are the directories below `root` that hold
 * data: the log and the snapshots, each with its identity record. Others may list the root but not
 * write to it, because they could then replace one of these directories.
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
