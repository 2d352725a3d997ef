/**
 * SIGKILL at a random moment of a real process that writes to a real directory, fifty times over the same
 * log. `BABUZA_KILLS` sets how often.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SeededRandom } from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import { NativeWalManager } from '../src/index.ts';
// @ts-expect-error: plain JavaScript, because the writer process runs it too.
import { payloadOf } from './support/payload.mjs';

const kills = Number(process.env['BABUZA_KILLS'] ?? 50);
const writer = fileURLToPath(new URL('support/writer.mjs', import.meta.url));

/** What the killed processes said before they died. */
class Acknowledged {
  /** The term of each acknowledged entry. */
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

/** Runs the writer, kills it after `afterMs` of writing, and returns when it is gone. */
function runAndKill(
  directory: string,
  seed: number,
  afterMs: number,
  seen: Acknowledged,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, directory, String(seed)], {
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
      else reject(new Error(`the writer ended by itself, with code ${code}`));
    });
  });
}

function checkAll(
  { storage, hardState, tail }: OpenedWal,
  seen: Acknowledged,
  context: string,
): void {
  expect(tail.verdict, context).not.toBe('uncertain');
  expect(hardState.term, context).toBeGreaterThanOrEqual(seen.hardState.term);
  if (hardState.term === seen.hardState.term) {
    expect(hardState.vote, context).toBe(seen.hardState.vote);
  }
  const first = storage.firstIndex();
  const entries = storage.entries(first, storage.lastIndex() + 1, Infinity);
  for (const [index, term] of seen.terms) {
    if (index < first) continue;
    const entry = entries[index - first];
    expect(entry?.term, `${context}: acknowledged entry ${index}`).toBe(term);
  }
  for (const { index, term, data } of entries) {
    const right = data !== undefined && Buffer.compare(data, payloadOf(index, term)) === 0;
    expect(right, `${context}: the payload of entry ${index}`).toBe(true);
  }
}

it(`${kills} processes killed at random moments lose nothing that was acknowledged`, async () => {
  const directory = await mkdtemp(`${tmpdir()}/babuza-kill-`);
  const seen = new Acknowledged();
  const random = new SeededRandom(Number(process.env['BABUZA_SEED'] ?? 1));
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      await runAndKill(directory, kill, random.below(120), seen);
      const manager = new NativeWalManager(directory, { segmentBytes: 256 * 1024 });
      const opened = await manager.replayWal();
      checkAll(opened, seen, `after kill ${kill}`);
      await manager.close();
    }
    console.log(`${kills} kills, ${seen.terms.size} entries were acknowledged`);
    expect(seen.terms.size).toBeGreaterThan(kills);
  } finally {
    await rm(directory, { recursive: true });
  }
}, 240_000);
