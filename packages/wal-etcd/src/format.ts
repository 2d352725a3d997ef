/**
 * The third door, `@babuza/wal-etcd/format`: etcd's log as etcd has it, for tools, tests and
 * whoever prepares a member directory: every number of 64 bits, any metadata, `Save`,
 * `SaveSnapshot`, cut and `Repair`.
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
 * etcd's `Repair`: where the last segment ends within a record, it is cut in front of that record,
 * and a copy of what it was stays as `NAME.wal.broken`. Returns false, and changes nothing, where
 * the last segment is damaged in another way, or there is none; also true where there was nothing
 * to repair. Damage in other segments is not looked at. **What is cut may have been acknowledged**:
 * this format cannot tell.
 *
 * @throws LockedError where somebody has the log open, ReadFailedError
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
