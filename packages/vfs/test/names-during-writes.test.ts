/** Look-ups with the system share the thread pool of Node.js with the writes of the logs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('./hanging-look-ups.mjs', import.meta.url));

it.each([
  [1, 0],
  [2, 1],
  [4, 2],
  [5, 2],
])(
  'with %i threads, %i of six hanging look-ups hold a thread, and files are written',
  (threads, held) => {
    const directory = mkdtempSync(join(tmpdir(), 'babuza-pool-'));
    try {
      const { stdout, stderr } = spawnSync(process.execPath, [script, directory], {
        env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) },
        encoding: 'utf8',
        timeout: 30_000,
        killSignal: 'SIGKILL',
      });
      expect(stdout + stderr).toBe(`${held} look-ups hang, all writes are durable\n`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
