/** The story of the cluster as users run it: the built program, real processes, a small folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let folder = '';
let input = '';
let temporary = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babuza-demo-cluster-'));
  input = join(folder, 'input');
  temporary = join(folder, 'temporary');
  await mkdir(input, { recursive: true });
  await mkdir(temporary);
  await writeFile(join(input, 'empty'), '');
  await writeFile(join(input, 'large'), Buffer.alloc(2_500_000, 'large '));
  for (let at = 0; at < 400; at += 1) {
    await writeFile(join(input, `${at}.md`), `document ${at} `.repeat(at));
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function start(...args: string[]): { child: ChildProcess; output: () => string } {
  const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  const child = spawn(process.execPath, [program, ...args], { env, stdio: 'pipe' });
  let output = '';
  const take = (data: Buffer): void => void (output += data.toString());
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return { child, output: () => output };
}

describe('demo cluster', () => {
  it('kills, restarts, grows and shrinks a cluster, and loses nothing', async () => {
    const { child, output } = start('--input', input, '--clients', '8');
    await once(child, 'close');
    expect(child.exitCode, output()).toBe(0);
    for (const sentence of [
      /node \d, the leader, is killed \(SIGKILL/,
      /node \d leads; the first write is acknowledged after/,
      /is back on its directory and has caught up in .*, from its own log/,
      /node 4 has taken over a snapshot/,
      /node 4 has caught up and has a vote/,
      /node \d is removed, and has ended by itself/,
      /what was acknowledged for 404 keys is on each of 3 nodes, byte for byte/,
      /one state on all at index \d+/,
      /the history of 3 clients is linearizable/,
      /All of the above was verified/,
    ]) {
      expect(output()).toMatch(sentence);
    }
    expect(output()).not.toContain('Warning');
    expect(await readdir(temporary)).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('leaves no process and no file on Ctrl-C', async () => {
    const { child, output } = start('--input', input);
    while (!output().includes('Write through')) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const pids = [...output().matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(3);
    child.kill('SIGINT');
    await once(child, 'close');
    expect(child.exitCode).toBe(130);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    expect(await readdir(temporary)).toEqual([]);
  });
});
