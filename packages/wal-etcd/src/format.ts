/**
 * The entry point `@babuza/wal-etcd/format`: the log with all features of etcd's own package
 * (`server/storage/wal`), for tools, for tests and for creating a member directory. Numbers have
 * all 64 bits, the metadata is arbitrary, and there are `Save`, `SaveSnapshot`, cut and `Repair`.
 */
import { guardedEnvironment, nodeEnvironment, type Environment } from '@babuza/vfs';
import { readFailure, translating } from '@babuza/wal-files';
import { listSegments } from './recovery/list-segments.ts';
import { repairLastSegment } from './recovery/repair.ts';
import { refuseRunningEtcd } from './segment/foreign-lock.ts';

export { RawWal } from './raw-wal.ts';
export type { RawWalOptions, ReadAllResult } from './raw-wal.ts';
export { decodeEtcdMetadata, encodeEtcdMetadata } from './format/messages.ts';
export type { EtcdEntry, EtcdHardState, EtcdMetadata, EtcdSnapshot } from './format/messages.ts';
export type { EtcdVerdict } from './recovery/damage.ts';
export { crc32c } from './format/crc32c.ts';

/**
 * Repairs a log as etcd's `Repair` does (`server/storage/wal/repair.go`). If the last segment ends
 * within a record, it is cut before that record, and a copy of the old segment stays as
 * `NAME.wal.broken`. Returns true after a repair, and when there was nothing to repair. Returns
 * false and changes nothing when the last segment is damaged in another way, or when there is no
 * segment. Other segments are not checked. **The removed record may have been acknowledged**: this
 * format cannot tell.
 *
 * @throws LockedError when another process has the log open, ReadFailedError
 */
export function repair(
  directory: string,
  { environment = nodeEnvironment() }: { readonly environment?: Environment | undefined } = {},
): Promise<boolean> {
  const { fileSystem } = guardedEnvironment(environment);
  return translating(readFailure, async () => {
    if ((await fileSystem.kindOf(directory)) === undefined) return false;
    const names = await listSegments(fileSystem, directory);
    const last = names.at(-1);
    if (last === undefined) return false;
    const lock = await fileSystem.lock(directory);
    try {
      await refuseRunningEtcd(fileSystem, `${directory}/${last.fileName}`);
      return await repairLastSegment(fileSystem, directory, last);
    } finally {
      await lock.release();
    }
  });
}
