/** The story of the cluster as users run it: the built program, real processes, a small folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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

/** Of Linux: the processes that this one has started, and that are there. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Ends it `ms` after its nodes have been started, whatever it does then; all must be gone. */
async function interrupted(ms: number, signal: NodeJS.Signals, ...args: string[]): Promise<void> {
  const { child, output } = start(...args);
  let pids: number[] = [];
  while (pids.length < 3) {
    await after(5);
    pids = await childrenOf(child.pid);
  }
  await after(ms);
  pids = await childrenOf(child.pid);
  child.kill(signal);
  const gone = await Promise.race([once(child, 'close').then(() => true), after(10_000)]);
  if (gone !== true) child.kill('SIGKILL');
  expect(gone, `${args[0]} still runs 10 s after ${signal} at ${ms} ms`).toBe(true);
  expect(child.exitCode, output()).toBe(signal === 'SIGHUP' ? 129 : 130);
  for (const pid of pids) expect(() => process.kill(pid, 0), output()).toThrow(/ESRCH/);
  expect(output()).not.toMatch(/node:|Error/);
  if (signal === 'SIGINT') expect(output().trimEnd()).toMatch(/all temporary files were removed$/);
  expect(await readdir(temporary)).toEqual([]);
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
      /node 4 has installed a snapshot/,
      /node 4 has caught up and is a voter/,
      /node \d is removed, and its process has ended/,
      /the acknowledged values of 404 keys are on each of 3 nodes, byte for byte/,
      /all nodes have the same state at index \d+/,
      /no write was applied twice/,
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

  // The system lists the children of a process there.
  describe.skipIf(process.platform !== 'linux')('leaves nothing, whenever it is ended', () => {
    it.each([
      ['cluster', 'SIGINT', [0, 100, 300, 600]],
      ['cluster', 'SIGHUP', [0, 600]],
      ['chaos', 'SIGINT', [3000, 6000]],
      ['soak', 'SIGINT', [6000]],
      ['load', 'SIGINT', [1500, 2500, 3500]],
      ['failover', 'SIGINT', [1500, 3000]],
    ] as const)('%s, by %s', async (story, signal, moments) => {
      for (const ms of moments) await interrupted(ms, signal, story);
    });

    it('also when it is killed itself: its nodes end', async () => {
      const { child } = start('--input', input);
      let pids: number[] = [];
      while (pids.length < 3) {
        await after(5);
        pids = await childrenOf(child.pid);
      }
      child.kill('SIGKILL');
      await after(5000);
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
      for (const left of await readdir(temporary)) {
        await rm(join(temporary, left), { recursive: true });
      }
    });
  });
});
