/**
 * System calls that fail below LevelDB, injected with strace into a real process: syncs of its log,
 * its tables and its directories, and renames. From then on the log accepts no writes and
 * acknowledges nothing, and the next opening finds everything that was acknowledged.
 * `BABUZA_FAILING_CALLS` is the number of runs. `BABUZA_REQUIRE_TOOLS=1` makes a missing strace a
 * failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SeededRandom } from '@babuza/testkit';
import { walBackend } from '../src/index.ts';
import { CheckedWriter } from './support/checked-writer.ts';
import { has } from './support/tools.ts';

const runs = Number(process.env['BABUZA_FAILING_CALLS'] ?? 3);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

/** One thread runs all asynchronous calls, so that "the n-th call" counts all of them. */
const env = { UV_THREADPOOL_SIZE: '1' };

interface Injection {
  readonly call: string;
  readonly errno: string;
  /** The n-th call fails, and with a `+` all calls from then on. */
  readonly when: string;
}

function injectionOf(run: number, random: SeededRandom): Injection {
  const nth = 1 + random.below(60);
  const errno = ['EIO', 'ENOSPC'][run % 2] ?? 'EIO';
  const sticky = random.below(2) === 0 ? '+' : '';
  // LevelDB syncs its log and tables with fdatasync, and directories, seldom, with fsync.
  if (run % 4 === 3) return { call: 'fsync', errno, when: `${1 + random.below(6)}${sticky}` };
  return { call: 'fdatasync', errno, when: `${nth}${sticky}` };
}

const canTrace = has('failing calls below LevelDB', 'strace', '-f', '-o', '/dev/null', 'true');

it.skipIf(!canTrace)('every sync that the log counts is one of LevelDB’s log', async () => {
  const directory = await mkdtemp(`${tmpdir()}/babuza-level-syncs-`);
  const writer = new CheckedWriter(`${directory}/wal`);
  const trace = `${directory}/trace`;
  let counted = 0;
  try {
    const through = ['strace', '-f', '-y', '-o', trace, '-e', 'trace=fdatasync'];
    const onLine = (line: string): void => {
      if (line.startsWith('syncs ')) counted = Number(line.slice('syncs '.length));
    };
    const ended = await writer.run({ seed: firstSeed, batches: 100, through, onLine });
    expect([ended.failure, ended.ended]).toEqual([undefined, true]);
    const calls = (await readFile(trace, 'utf8')).split('\n');
    const ofLogs = calls.filter((call) => /fdatasync\(\d+<.*\/db\/\d+\.log>/.test(call));
    // No log counts its creation and the identity records, and closing makes a commit index
    // durable.
    const uncounted = ofLogs.length - counted - ended.records;
    expect(counted).toBeGreaterThan(20);
    expect(ended.records).toBeGreaterThan(0);
    expect(uncounted).toBeGreaterThanOrEqual(1);
    expect(uncounted).toBeLessThanOrEqual(2);
  } finally {
    await rm(directory, { recursive: true });
  }
});

it.skipIf(!canTrace)(
  `${runs} processes whose syncs fail lose nothing`,
  async () => {
    const random = new SeededRandom(firstSeed);
    let poisoned = 0;
    let acknowledged = 0;
    for (let run = 0; run < runs; run += 1) {
      const directory = await mkdtemp(`${tmpdir()}/babuza-level-fail-`);
      const writer = new CheckedWriter(directory);
      const { call, errno, when } = injectionOf(run, random);
      const context = `seed ${firstSeed}, run ${run + 1}: ${call} fails with ${errno}, when=${when}`;
      try {
        const injection = `${call}:error=${errno}:when=${when}`;
        const { failure, ended, late } = await writer.run({
          seed: firstSeed * 10_000 + run,
          batches: 150,
          through: [
            'strace',
            '-f',
            '-o',
            '/dev/null',
            '-e',
            `trace=${call}`,
            '-e',
            `inject=${injection}`,
          ],
          env,
        });
        expect(ended, context).toBe(true);
        expect(late, context).toEqual([]);
        // A sync that fails while LevelDB is opened or created fails the opening.
        const expected = [undefined, 'WAL_POISONED', 'WAL_READ_FAILED', 'WAL_NO_SPACE'];
        expect(expected, context).toContain(failure);
        if (failure === 'WAL_POISONED') poisoned += 1;
        acknowledged += writer.acknowledged;
        expect((await writer.check()).violations, context).toEqual([]);
      } finally {
        await rm(directory, { recursive: true });
      }
    }
    console.log(
      `${runs} runs with failing syncs: ${poisoned} logs were poisoned, ${acknowledged} batches acknowledged before, none was lost`,
    );
    expect(poisoned).toBeGreaterThan(0);
  },
  600_000,
);

const twoGroups = fileURLToPath(new URL('support/two-groups.mjs', import.meta.url));

/** The highest index of each group in lines like `done <group> <index>`. */
function highest(what: string, text: string): number[] {
  const result = [0, 0];
  for (const [, group, index] of text.matchAll(new RegExp(`^${what} (\\d) (\\d+)$`, 'gm'))) {
    result[Number(group)] = Math.max(result[Number(group)] ?? 0, Number(index));
  }
  return result;
}

// The path of LevelDB's first log. The sixth call on it always belongs to a save of the first
// group.
it.skipIf(!canTrace).each(['write:error=ENOSPC', 'fdatasync:error=EIO'])(
  'two logs of a database with a failing call lose nothing, and go on after opening: %s',
  async (injection) => {
    const directory = await mkdtemp(`${tmpdir()}/babuza-level-groups-`);
    try {
      const [call = ''] = injection.split(':');
      const which = ['-P', `${directory}/db/000003.log`, '-e', `trace=${call}`];
      const inject = ['-e', `inject=${injection}:when=6`];
      const command = [process.execPath, twoGroups, directory];
      const args = ['-f', '-o', '/dev/null', ...which, ...inject, ...command];
      const { stdout, signal } = spawnSync('strace', args, {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
      const lines = stdout.split('\n');
      expect(signal, stdout).toBe('SIGKILL');
      // One log's write failed, and the other one never wrote after it.
      expect(lines.filter((line) => line.startsWith('failed'))).toEqual([
        'failed 0 WAL_POISONED',
        'failed 1 WAL_POISONED',
      ]);
      const [before = '', after = ''] = stdout.split('again\n');
      const acknowledged = highest('done', before);
      const opened = highest('opened', after);
      for (const group of [0, 1]) {
        expect(opened[group], stdout).toBeGreaterThanOrEqual(acknowledged[group] ?? 0);
      }
      const manager = await walBackend.open(directory);
      for (const [group, last] of highest('done', after).entries()) {
        expect(last - (opened[group] ?? 0), stdout).toBe(20);
        const { storage } = await manager.replayWal({ groupId: BigInt(group) });
        expect(storage.lastIndex(), stdout).toBe(last);
        expect(storage.entries(1, last + 1, Infinity).length).toBe(last);
      }
      await manager.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);
