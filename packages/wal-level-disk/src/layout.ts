/**
 * What lies where in the directory of a log on LevelDB.
 *
 * ```
 *   LOCK, LOCK.*        the lock of the directory, while the database is made
 *   db/                 LevelDB's files: CURRENT, MANIFEST-…, ….log, ….ldb, LOCK, LOG
 *   LOCK                the lock of the directory, see @babuza/vfs
 *   witness/<group>     how far the log of a group was durable, outside of LevelDB; 16 hexadecimal digits
 * ```
 *
 * Nobody but LevelDB may open `db/LOCK` in the process that has the log open: it is locked with
 * `fcntl`, and closing any descriptor of the file in that process gives the lock away.
 */
import { join } from 'node:path';

export function databaseIn(directory: string): string {
  return join(directory, 'db');
}

export function witnessesIn(directory: string): string {
  return join(directory, 'witness');
}

/** Whether a file of LevelDB holds data: its own logs and its tables (`.sst` in old databases). */
export function holdsData(name: string): boolean {
  return /^\d+\.(?:log|ldb|sst)$/.test(name);
}
