/**
 * Detects a running etcd, which locks every segment that it has open. Node.js cannot take such a
 * lock, but on Linux it can see that another process holds one. The log is then not opened.
 */
import type { FileSystem } from '@babuza/vfs';
import { LockedError } from '@babuza/wal-core';

/** @throws LockedError when another program has locked the file, as far as that can be detected */
export async function refuseRunningEtcd(fileSystem: FileSystem, path: string): Promise<void> {
  const holder = await fileSystem.foreignLock(path);
  if (holder === undefined) return;
  throw new LockedError(`${path} is locked by another program, probably a running etcd: ${holder}`);
}
