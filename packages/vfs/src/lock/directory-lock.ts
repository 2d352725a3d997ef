/** Placeholder until the protocol lands: the next commit brings it. */
import fs from 'node:fs';
import { join } from 'node:path';
import { toFileError } from '../classify-error.ts';
import type { Clock, Random } from '../environment.ts';
import type { DirectoryLock } from '../file-system.ts';

/** Takes the lock of a directory. */
export async function lockDirectory(
  path: string,
  _clock: Clock,
  _random: Random,
): Promise<DirectoryLock> {
  const file = join(path, 'LOCK');
  try {
    const handle = await fs.promises.open(file, 'wx');
    await handle.close();
  } catch (error) {
    throw toFileError(error, 'lock', path);
  }
  return { release: () => fs.promises.rm(file, { force: true }) };
}
