/** A real process that has no file descriptor left when LevelDB starts its next log file. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it.runIf(process.platform === 'linux')(
  'rejects the saves, loses nothing, and goes on when descriptors are free again',
  async () => {
    const directory = await mkdtemp(`${tmpdir()}/babuza-level-descriptors-`);
    try {
      const script = fileURLToPath(new URL('./support/few-descriptors.mjs', import.meta.url));
      const command = 'ulimit -n 60; exec "$0" "$1" "$2"';
      const text = execFileSync('sh', [
        '-c',
        command,
        process.execPath,
        script,
        `${directory}/wal`,
      ]);
      const told: unknown = JSON.parse(text.toString());
      expect(told).toMatchObject({ without: ['saved', 'WAL_TRY_AGAIN'], after: ['saved'] });
      const { read, last, reopened } = Object(told) as Record<string, unknown>;
      expect([read, reopened]).toEqual([last, last]);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  60_000,
);
