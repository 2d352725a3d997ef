/** The demo as users run it: the built program, on small folders. */
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
/** The place for temporary files that the demo sees. */
let temporary = '';

interface Result {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babuza-demo-test-'));
  input = join(folder, 'input');
  temporary = join(folder, 'temporary');
  await mkdir(join(input, 'deep'), { recursive: true });
  await mkdir(temporary);
  await writeFile(join(input, 'empty'), '');
  // Larger than one entry, and not the same in any two places.
  const large = Buffer.from(Array.from({ length: 300_000 }, (_, at) => `${at};`).join(''));
  await writeFile(join(input, 'large.txt'), large);
  for (let at = 0; at < 60; at += 1) {
    await writeFile(join(input, 'deep', `${at}.md`), `document ${at} `.repeat(at * 3));
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess {
  const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  return spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function run(...args: string[]): Promise<Result> {
  const child = start(...args);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  await once(child, 'close');
  return { exitCode: child.exitCode, stdout, stderr };
}

describe('demo log', () => {
  it('tells the whole story and verifies it', async () => {
    const { exitCode, stdout, stderr } = await run('log', '--input', input);
    expect(stderr).toBe('');
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain('62 documents');
    expect(stdout).toMatch(/killed with SIGKILL; \d+ of 63 entries were acknowledged/);
    expect(stdout).toMatch(/ok (\d+) of \1 acknowledged entries are there/);
    expect(stdout).toContain('ok 62 of 62 documents are in the log completely, once, and equal');
    expect(stdout).toMatch(/replay says: the end is torn: .* dropped/);
    expect(stdout).toMatch(/CorruptError, WAL_CORRUPT, verdict corrupt/);
    expect(stdout).toMatch(/marker at index 56; purged up to it/);
    for (const row of [
      'entries',
      'syncs',
      'entries per sync',
      'index in memory',
      'log held in RAM',
    ]) {
      expect(stdout).toMatch(new RegExp(`^   ${row} +\\S`, 'm'));
    }
    expect(stdout).toContain('All of the above was verified');
    // No colours and nothing redrawn where nobody looks.
    expect(stdout).not.toContain('\u001b');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('keeps a log where it is told to, and never writes over one', async () => {
    const kept = join(folder, 'kept');
    const first = await run('log', '--input', join(input, 'deep'), '--dir', kept);
    expect(first.exitCode, first.stdout + first.stderr).toBe(0);
    expect(first.stdout).toContain(`The log stays in ${kept}`);
    expect((await readdir(join(kept, 'wal'))).some((name) => name.endsWith('.wal'))).toBe(true);
    const second = await run('log', '--input', join(input, 'deep'), '--dir', kept);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toMatch(/there is a log in .*kept.* \(WAL_EXISTS\)/);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('says what a log in memory cannot show', async () => {
    const { exitCode, stdout } = await run('log', '--input', input, '--wal', 'level-wal-memory');
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain('level-wal-memory keeps its log in memory only');
    expect(stdout).toContain('cannot be shown: level-wal-memory has no files');
    expect(stdout).toMatch(/not durable: the kill cost \d+ acknowledged entr/);
    expect(stdout).toContain('ok 62 of 62 documents are in the log completely');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('runs on LevelDB, whose synonyms it names', async () => {
    const { exitCode, stdout } = await run('log', '--input', input, '--wal', 'badger-wal');
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain("walType 'badger-wal' is a synonym of 'level-wal' here");
    expect(stdout).toMatch(/ok (\d+) of \1 acknowledged entries are there/);
    expect(stdout).toContain('ok 62 of 62 documents are in the log completely, once, and equal');
    // LevelDB does not tell of a torn batch.
    expect(stdout).toContain('the torn batch was dropped without a report');
    expect(stdout).toMatch(/CorruptError, WAL_CORRUPT, verdict damaged-entry/);
    expect(stdout).toMatch(/marker at index 56; purged up to it/);
    expect(stdout).toContain('All of the above was verified');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('says what its limits leave out', async () => {
    const { exitCode, stdout } = await run(
      'log',
      '--input',
      join(input, 'deep'),
      '--limit-files',
      '20',
    );
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toMatch(/left out: 40 documents, .*--limit-files 20\)/);
  });

  it.skipIf(process.platform === 'win32')('gives everything back on Ctrl-C', async () => {
    const child = start('log', '--input', input);
    let output = '';
    const writer = await new Promise<number>((resolve) => {
      child.stdout?.on('data', (data: Buffer) => {
        output += data.toString();
        const pid = /writer process (\d+)/.exec(output)?.[1];
        if (pid !== undefined) resolve(Number(pid));
      });
    });
    child.kill('SIGINT');
    await once(child, 'close');
    expect(child.exitCode).toBe(130);
    expect(() => process.kill(writer, 0)).toThrow(/ESRCH/);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe('a wrong command line', () => {
  it('ends with exit code 2 and the reason', async () => {
    const cases: [string[], RegExp][] = [
      [['--wal', 'no-such-wal'], /'babuza-wal'.*got 'no-such-wal'/],
      [['--no-such-option'], /--no-such-option/],
      [
        ['clusters'],
        /unknown story clusters; the stories are: cluster, chaos, soak, swarm, load, failover, log/,
      ],
      [['--nodes', '2'], /--nodes must be at least 3/],
      [['--clients', '9999'], /--clients must be at most 1024, got 9999/],
      [
        ['failover', '--fault', 'fire'],
        /unknown --fault fire; the faults are: kill, hung-disk, short-stalls/,
      ],
      [
        ['failover', '--fault', 'hung-disk', '--wal', 'level-wal'],
        /a log of type level-wal has no disk that can be made to hang/,
      ],
      [['log', '--nodes', '3'], /the story log has no option --nodes/],
      [['soak', '--seconds', '9'], /the story soak has no option --seconds/],
      [['swarm', '--nodes', '5'], /the story swarm has no option --nodes/],
      [['swarm', '--sources', '999'], /--sources must be at most 250, got 999/],
      [['soak', '--minutes', '0'], /--minutes must be a whole number above 0, got 0/],
      [['soak', '--report', join(input, 'large.txt', 'soak')], /--report: .*(?:EEXIST|ENOTDIR)/],
      [['--wal', 'level-wal-memory'], /this log is not durable/],
      [['--limit', '12X'], /--limit must be a whole number above 0, got 12X/],
      [['--input', join(folder, 'missing')], /--input: .*ENOENT/],
      [['--input', join(input, 'large.txt')], /is not a folder/],
      [['--input', temporary], /there are no documents/],
      [['--dir', join(input, 'large.txt')], /--dir: .*(?:EEXIST|ENOTDIR)/],
      [['log', '--dir', join(input, 'large.txt', 'below')], /--dir: .*ENOTDIR/],
    ];
    for (const [args, reason] of cases) {
      const { exitCode, stderr } = await run(...args);
      expect([args, exitCode]).toEqual([args, 2]);
      expect(stderr).toMatch(reason);
    }
    expect(await readdir(temporary)).toEqual([]);
  });

  it('shows help when asked', async () => {
    const { exitCode, stdout } = await run('--help');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: demo/);
  });
});
