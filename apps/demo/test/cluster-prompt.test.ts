/**
 * The prompt of `demo --serve`, from a pipe: what each command answers, and what a wrong one does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let input = '';

beforeAll(async () => {
  input = await mkdtemp(join(tmpdir(), 'babuza-demo-prompt-'));
  await writeFile(join(input, 'document'), 'of no importance');
});

afterAll(() => rm(input, { recursive: true, force: true }));

/** Returns the output of each command, by the line that was sent. */
async function answersTo(lines: readonly string[]): Promise<Map<string, string>> {
  const child = spawn(process.execPath, [program, '--serve', '--input', input], { stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  child.stdin.end(`${lines.join('\n')}\n`);
  await once(child, 'close');
  expect(child.exitCode, output).toBe(0);
  const [, conversation = ''] = output.split('The cluster keeps running: type help');
  return new Map(
    conversation
      .split(/^> /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  );
}

it('takes commands from a pipe, and says what came of each', async () => {
  // After the story there are nodes 2, 3 and 4: 1 to 3 at first, one of which leads and another of
  // which was removed.
  const conversation: readonly (readonly [string, RegExp])[] = [
    ['help', /put KEY VALUE/],
    ['nothing-like-it', /! unknown command nothing-like-it; type help/],
    ['constructor', /! unknown command constructor/],
    ['put', /FAILED expected: put KEY VALUE/],
    ['put key', /FAILED expected: put KEY VALUE/],
    ['put key two  spaces', /written at index \d+/],
    ['get key', /^ {3}two {2}spaces$/m],
    ['get other', /the key has no value/],
    ['delete key', /deleted/],
    ['delete  key', /the key had no value/],
    ['kill 99', /FAILED there is no node 99/],
    ['kill', /FAILED expected the id of a node/],
    ['kill 4', /node 4 was killed/],
    ['kill  4', /node 4 is already down/],
    ['status', /node 4 {2}is down/],
    ['put while 4 is down', /written/],
    ['restart 4', /node 4 was restarted on its directory/],
    ['restart  4', /node 4 is already running$/m],
    ['partition 99', /FAILED there is no node 99/],
    ['partition', /FAILED expected the id of a node/],
    ['partition 4', /cut off from the others: 4/],
    ['put while 4 is apart', /written/],
    ['heal', /all nodes can reach each other/],
    ['transfer 4', /node 4 leads/],
    ['transfer', /node \d leads/],
    ['transfer 99', /FAILED .*99/],
    ['snapshot', /node \d has a snapshot at index \d+/],
    ['snapshot 4', /node 4 has a snapshot at index \d+/],
    ['add', /node 5 has caught up and is a voter/],
    ['remove 99', /FAILED .*99/],
    ['remove 5', /node 5 is removed; its id is never used again/],
    ['restart 5', /FAILED node 5 was removed for good/],
    ['add ', /node 6 has caught up and is a voter/],
    ['members', /node 6 {2}voter[^]*removed: \d, 5/],
    ['status ', /^(?!.*node 5)[^]*node 6 {2}follower/],
    ['exit', /^$/],
  ];
  const answers = await answersTo(conversation.map(([line]) => line));
  for (const [line, answer] of conversation) {
    expect([line, answers.get(line)]).toEqual([line, expect.stringMatching(answer)]);
  }
});
