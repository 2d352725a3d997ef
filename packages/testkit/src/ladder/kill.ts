/**
 * SIGKILL at a random moment of a real process that writes to a real directory, repeatedly over the
 * same log. The process runs `writeUntilKilled` on the built code and prints each acknowledgement
 * on a line.
 */
import { spawn } from 'node:child_process';
import type { OpenedWal, WalManager } from '@babuza/wal-core';
import { SeededRandom } from '../seeded-random.ts';
import { expectThat, LadderError } from './back-end.ts';
import { payloadOf } from './kill-writer.ts';

export interface KillOptions {
  readonly directory: string;
  /**
   * The script of the process. Its arguments are the directory and a number that differs each time.
   */
  readonly writer: string;
  readonly kills: number;
  readonly seed: number;
  open(directory: string): WalManager;
}

/** The acknowledgements that the killed processes printed. */
class Acknowledged {
  /** The term of each acknowledged entry, by index. */
  readonly terms = new Map<number, number>();
  hardState = { term: 0, vote: 0n };

  take(line: string): void {
    const [what, first, last, term] = line.split(' ');
    if (what === 'term') {
      this.hardState = { term: Number(first), vote: BigInt(last ?? 0) };
      return;
    }
    for (let index = Number(first); index <= Number(last); index += 1) {
      this.terms.set(index, Number(term));
    }
  }
}

/** Returns how many entries were acknowledged in all. */
export async function killRepeatedly(options: KillOptions): Promise<number> {
  const seen = new Acknowledged();
  const random = new SeededRandom(options.seed);
  for (let kill = 1; kill <= options.kills; kill += 1) {
    await runAndKill(options, kill, random.below(120), seen);
    const manager = options.open(options.directory);
    checkAll(await manager.replayWal(), seen, `after kill ${kill}`);
    await manager.close();
  }
  return seen.terms.size;
}

/** Runs the writer, kills it after `afterMs` of writing, and resolves when it has exited. */
function runAndKill(
  { directory, writer }: KillOptions,
  number: number,
  afterMs: number,
  seen: Acknowledged,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, directory, String(number)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    let timer: ReturnType<typeof setTimeout> | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) seen.take(line);
      timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL') resolve();
      else reject(new LadderError(`the writer exited by itself with code ${code}`));
    });
  });
}

function checkAll(
  { storage, hardState, tail }: OpenedWal,
  seen: Acknowledged,
  context: string,
): void {
  expectThat(tail.verdict !== 'uncertain', `${context}: the tail is uncertain`);
  expectThat(hardState.term >= seen.hardState.term, `${context}: the term is ${hardState.term}`);
  if (hardState.term === seen.hardState.term) {
    expectThat(hardState.vote === seen.hardState.vote, `${context}: the vote is ${hardState.vote}`);
  }
  const first = storage.firstIndex();
  const entries = storage.entries(first, storage.lastIndex() + 1, Infinity);
  for (const [index, term] of seen.terms) {
    if (index < first) continue;
    const entry = entries[index - first];
    expectThat(
      entry?.term === term,
      `${context}: acknowledged entry ${index} is missing or has another term than ${term}`,
    );
  }
  for (const { index, term, data } of entries) {
    const right = data !== undefined && Buffer.compare(data, payloadOf(index, term)) === 0;
    expectThat(right, `${context}: entry ${index} has another payload`);
  }
}
