/**
 * A running etcd locks every segment that it has open. Node.js cannot take such a lock, but on
 * Linux it can see that somebody holds one: then the log is not opened.
 */
import type { FileSystem } from '@babuza/vfs';
import { LockedError } from '@babuza/wal-core';

/** @throws LockedError where another program has locked the file, as far as that can be seen */
export async function refuseRunningEtcd(fileSystem: FileSystem, path: string): Promise<void> {
  const holder = await fileSystem.foreignLock(path);
  if (holder === undefined) return;
  throw new LockedError(`${path} is locked by another program, probably a running etcd: ${holder}`);
}
