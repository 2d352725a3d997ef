/**
 * Cuts the power of a writing process again and again, on the same log. Half of the cuts come at a
 * random moment, half at a random system call that changes or syncs something. What is left is
 * compared with the ledger of the process.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { inspect } from 'node:util';
import { CorruptError } from '@babuza/wal-core';
import { SeededRandom } from '@babuza/testkit';
import { CheckedWriter } from '../../../wal-level-disk/test/support/checked-writer.ts';
import type { CutBackEnd } from './back-ends.ts';
import { endBoot } from './end-boot.ts';
import type { LossyDisk } from './lossy-disk.ts';

export interface CutCounts {
  acknowledged: number;
  /** Cuts that came before the log was open. */
  whileOpening: number;
  /** Logs that were refused after a power cut alone, and the results of their repair. */
  repaired: number;
  unrepaired: number;
}

export class Cuts {
  readonly counts: CutCounts = { acknowledged: 0, whileOpening: 0, repaired: 0, unrepaired: 0 };
  readonly #disk: LossyDisk;
  readonly #backEnd: CutBackEnd;
  readonly #seed: number;
  readonly #random: SeededRandom;
  #directory: string;
  #writer: CheckedWriter;

  constructor(disk: LossyDisk, backEnd: CutBackEnd, seed: number) {
    this.#disk = disk;
    this.#backEnd = backEnd;
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#directory = `${disk.directory}/0`;
    this.#writer = new CheckedWriter(this.#directory, backEnd);
  }

  /** Returns the problems of the log after this cut. */
  async cut(number: number): Promise<string[]> {
    const byCall = number % 2 === 0;
    const what = byCall ? await this.#failPower(number) : await this.#kill(number);
    const cutSeed = this.#seed * 10_000 + number;
    await this.#disk.cut(cutSeed);
    const copy = await mkdtemp(`${tmpdir()}/babuza-after-cut-`);
    await cp(this.#directory, copy, { recursive: true }).catch(() => undefined);
    await endBoot(this.#directory);
    const violations = await this.#judge(number);
    const context = `cut ${number} (seed ${cutSeed}), ${what}; what the cut left is in ${copy}`;
    if (violations.length === 0) await rm(copy, { recursive: true });
    return violations.map((violation) => `${context}: ${violation}`);
  }

  /** Kills the process at a random moment of its start or its work. */
  async #kill(number: number): Promise<string> {
    const first = this.#random.pick(['opening', 'open', 'open']);
    const afterMs = this.#random.below(first === 'open' ? 250 : 80);
    let timer: ReturnType<typeof setTimeout> | undefined;
    await this.#write(number, (line, kill) => {
      if (line === first) timer = setTimeout(kill, afterMs);
    });
    clearTimeout(timer);
    return `${afterMs} ms after the line ${first}`;
  }

  /** Cuts the power at a random system call and then kills the process, whatever it did. */
  async #failPower(number: number): Promise<string> {
    const calls = 1 + this.#random.below(this.#random.pick([10, 60, 300, 1000]));
    let killNow = (): void => {};
    let isOff = false;
    await this.#disk.failPowerAfter(calls, () => {
      isOff = true;
      killNow();
    });
    await this.#write(number, (_, kill) => {
      killNow = kill;
      if (isOff) kill();
    });
    return `at call ${calls}`;
  }

  async #write(number: number, onLine: (line: string, kill: () => void) => void): Promise<void> {
    const before = this.#writer.acknowledged;
    let isOpen = false;
    await this.#writer.run({
      seed: this.#seed * 10_000 + number,
      batches: 0,
      onLine: (line, child) => {
        isOpen ||= line === 'open';
        onLine(line, () => child.kill('SIGKILL'));
      },
    });
    if (!isOpen) this.counts.whileOpening += 1;
    this.counts.acknowledged += this.#writer.acknowledged - before;
  }

  async #judge(number: number): Promise<string[]> {
    try {
      return (await this.#writer.check()).violations;
    } catch (error) {
      if (!(error instanceof CorruptError) || this.#backEnd.repair === undefined) {
        return [`the log was refused: ${inspect(error)}`];
      }
      if (await this.#backEnd.repair(this.#directory)) {
        const repaired = await this.#writer.check().catch(() => undefined);
        if (repaired !== undefined) {
          this.counts.repaired += 1;
          return repaired.violations;
        }
      }
    }
    // The next cut needs a log that opens.
    this.counts.unrepaired += 1;
    this.#directory = `${this.#disk.directory}/${number}`;
    this.#writer = new CheckedWriter(this.#directory, this.#backEnd);
    return [];
  }
}
