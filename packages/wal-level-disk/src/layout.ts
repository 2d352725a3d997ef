/**
 * The layout of the directory of a log on LevelDB.
 *
 * ```
 *   LOCK, LOCK.*        the lock of the directory, see @babuza/vfs
 *   db/                 LevelDB's files: CURRENT, MANIFEST-…, ….log, ….ldb, LOCK, LOG
 *   witness/<group>     the sync record of a group; the group as 16 hexadecimal digits
 * ```
 *
 * The folder of the sync records is called `witness` because that is what early releases named the
 * record. The name is part of the format.
 *
 * Only LevelDB may open `db/LOCK` in the process that has the log open. It holds a lock taken with
 * `fcntl`, which the process loses when it closes any descriptor of the file.
 */
import { join } from 'node:path';

export function databaseIn(directory: string): string {
  return join(directory, 'db');
}

export function syncRecordsIn(directory: string): string {
  return join(directory, 'witness');
}

/** Whether a file of LevelDB holds data. Its logs and its tables do (`.sst` in old databases). */
export function holdsData(name: string): boolean {
  return /^\d+\.(?:log|ldb|sst)$/.test(name);
}
