/** Flips bits in the files of a log in processes of their own, and counts the outcomes. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DiskWalOptions } from '../../src/index.ts';
import type { Files } from './files-of-log.ts';

const script = fileURLToPath(new URL('flipper.mjs', import.meta.url));

/** The files of a log at some moment, and its content after each of its batches up to then. */
export interface Sample {
  readonly files: Files;
  readonly contents: readonly string[];
}

export type Flip = readonly [name: string, offset: number, mask: number];

export type Outcome =
  | 'refused when opened'
  | 'refused when read'
  | 'the same'
  /** The log as of an earlier batch. Later batches are silently lost. */
  | 'ends earlier'
  /** The log is missing, so a node would create a new one. */
  | 'gone'
  /** The process ended. */
  | 'ended the process'
  | 'wrong';

export interface Tally {
  readonly counts: ReadonlyMap<Outcome, number>;
  /** Wrong outcomes, each with its offset. */
  readonly wrong: readonly string[];
  /** The smallest number of batches in a log that ended earlier. */
  readonly batchesMin: number;
  /** Silent losses and ends of the process, by file. */
  readonly unnoticed: ReadonlyMap<string, number>;
  readonly ended: readonly string[];
}

interface Answer {
  readonly outcome: Outcome;
  readonly batches?: number;
  readonly what?: string;
}

export async function flipAll(
  scratch: string,
  { files, contents }: Sample,
  flips: readonly Flip[],
  options: DiskWalOptions = {},
): Promise<Tally> {
  const jobFile = `${scratch}/job.json`;
  const encoded = [...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
  const job = { directory: `${scratch}/log`, files: encoded, contents, flips, options };
  const answers: Answer[] = [];
  while (answers.length < flips.length) {
    await writeFile(jobFile, JSON.stringify({ ...job, from: answers.length }));
    await runFlipper(jobFile, answers, flips.length);
  }
  return tallyOf(flips, answers);
}

/**
 * Adds the outcomes that one process printed. If the process died, that is the outcome of its last
 * flip.
 */
async function runFlipper(jobFile: string, answers: Answer[], count: number): Promise<void> {
  const child = spawn(process.execPath, [script, jobFile], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  await once(child, 'close');
  const started = text.split('\n').filter((line) => line.startsWith('flip ')).length;
  const said = text.split('\n').filter((line) => line.startsWith('was '));
  if (started === 0) throw new Error(`the flipper did nothing: ${complaint}`);
  for (const line of said) answers.push(JSON.parse(line.slice('was '.length)));
  if (answers.length === count) return;
  if (started === said.length) throw new Error(`the flipper failed: ${complaint}`);
  answers.push({ outcome: 'ended the process', what: child.signalCode ?? complaint.slice(0, 200) });
}

function tallyOf(flips: readonly Flip[], answers: readonly Answer[]): Tally {
  const counts = new Map<Outcome, number>();
  const unnoticed = new Map<string, number>();
  const wrong: string[] = [];
  const ended: string[] = [];
  let batchesMin = Infinity;
  for (const [at, { outcome, batches = Infinity, what = '' }] of answers.entries()) {
    const [name, offset, mask] = flips[at] ?? ['', 0, 0];
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    batchesMin = Math.min(batchesMin, outcome === 'gone' ? 0 : batches);
    const text = `${name} at ${offset} ^ ${mask}: ${what}`;
    if (outcome === 'wrong') wrong.push(text);
    if (outcome === 'ended the process') ended.push(text);
    if (outcome === 'ends earlier' || outcome === 'gone') {
      unnoticed.set(name, (unnoticed.get(name) ?? 0) + 1);
    }
  }
  return { counts, wrong, batchesMin, unnoticed, ended };
}
