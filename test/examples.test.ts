/**
 * The programs in `examples/` run, print what they say they do, and end by themselves: a node that
 * was shut down keeps neither timers nor handles.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const examples = fileURLToPath(new URL('../examples', import.meta.url));
const scratch = mkdtempSync(`${tmpdir()}/babuza-examples-`);

afterAll(() => rmSync(scratch, { recursive: true }));

const printed: Record<string, readonly string[]> = {
  'disaster-recovery': [
    'a backup was written',
    'the survivor alone: account = 250',
    'the new cluster: account = 100',
  ],
  membership: [
    'members: 1 voter, 2 voter, 3 learner; the learner has value-99',
    'members: 1 voter, 2 voter, 3 voter',
    'node 3 leads',
    'members left: 2, removed for good: 1',
    'RAFT_CONF_CHANGE_REFUSED: its id never returns',
  ],
  metrics: [
    'babuza_raft_is_leader{cluster="1",node="1",group="0"} 1',
    'babuza_raft_proposals_committed_total{cluster="1",node="1",group="0"} 10',
    'babuza_raft_reads_answered_total{cluster="1",node="1",group="0"} 1',
  ],
  'replicated-state-machine': [
    'a leader was elected',
    'colour = blue is durable on a quorum and applied',
    'a follower reads blue',
    'the leader is gone, another one leads',
    'colour was blue, and is green',
    'the one that was gone is back and reads green',
  ],
  sessions: [
    'sent twice: answers 1 and 1, counted 1',
    'the next one: counted 2',
    'RAFT_SESSION_EXPIRED',
  ],
};

/** Modules that the examples share; they are not programs. */
const shared = ['key-values', 'node'];

describe('examples', () => {
  it('all of them are here', () => {
    const programs = readdirSync(examples)
      .filter((file) => file.endsWith('.js'))
      .map((file) => file.slice(0, -'.js'.length))
      .filter((name) => !shared.includes(name));
    expect(programs.sort()).toEqual(Object.keys(printed).sort());
  });

  it.concurrent('without a directory they use one of their own, and leave nothing', async () => {
    const place = `${scratch}/nowhere`;
    mkdirSync(place);
    const options = { cwd: place, env: { ...process.env, TMPDIR: place }, timeout: 50_000 };
    const program = [`${examples}/sessions.js`];
    const { stdout } = await promisify(execFile)(process.execPath, program, options);
    expect(stdout.trimEnd().split('\n')).toEqual(printed['sessions']);
    expect(readdirSync(place)).toEqual([]);
  });

  for (const [name, lines] of Object.entries(printed)) {
    it.concurrent(`${name} prints what it does, and its process ends by itself`, async () => {
      const program = [`${examples}/${name}.js`, `${scratch}/${name}`];
      mkdirSync(`${scratch}/${name}`);
      const { stdout, stderr } = await promisify(execFile)(process.execPath, program, {
        timeout: 50_000,
      });
      expect(stdout.trimEnd().split('\n')).toEqual(lines);
      expect(stderr).toBe('');
    });
  }
});
