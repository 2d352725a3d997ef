/**
 * Saves whose size matters to the code: one byte of the format below a constant, at it, and above
 * it. A batch of them is interrupted at every call by a power cut or a kill, and each of its syncs
 * fails. The log is then reopened and accepts more, and the power is cut.
 */
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import type { InjectedFault } from '../fault-rules.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { perform } from './author.ts';
import {
  expectNothing,
  expectThat,
  ledgerFor,
  metadata,
  Verdicts,
  type BackEnd,
} from './back-end.ts';
import { entriesFrom, state } from './scripts.ts';

/** Batches of saves; the saves of one batch are made together. */
export type SavedGroups = readonly (readonly LedgerBatch[])[];

/**
 * Saves that are durable before the batches. The first entry of the batches has index 3 and term 1.
 */
const before: LedgerBatch = { entries: entriesFrom(1, 2, 1, 10), hardState: state(1, 1) };

/** Small entries from index 3 on, and a last one with this payload. */
export function manyEntries(entryCount: number, lastPayloadBytes: number): LedgerBatch {
  const small = entriesFrom(3, entryCount - 1, 1, 8);
  return { entries: [...small, ...entriesFrom(entryCount + 2, 1, 1, lastPayloadBytes)] };
}

/** The save that follows `manyEntries`. */
export function oneMore(entryCount: number): LedgerBatch {
  return { entries: entriesFrom(entryCount + 3, 1, 1, 8) };
}

/** The disk that a crash left, and the ledger that decides what is right on it. */
interface Left {
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
}

export class SizedSaves<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  states = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #options: Options;
  readonly #samples: number;
  readonly #fillBytes: number;

  /**
   * `samples` states are checked for each power cut. The reopened log also saves two payloads of
   * `fillBytes`, which make it begin another segment.
   */
  constructor(
    backEnd: BackEnd<Options>,
    options: Options,
    { samples = 3, fillBytes = 0 }: { samples?: number; fillBytes?: number } = {},
  ) {
    this.#backEnd = backEnd;
    this.#options = options;
    this.#samples = samples;
    this.#fillBytes = fillBytes;
  }

  toString(): string {
    return `${this.states} states of sized saves: ${this.verdicts.toString()}`;
  }

  /** Entries from `first` on that the log writes as exactly `bytes`, in one save. */
  async saveOf(bytes: number, entryCount = 3, first = 3): Promise<LedgerBatch> {
    const share = Math.floor(bytes / entryCount / 8) * 8 - 128;
    const tuned = (payloadBytes: number): LedgerBatch => ({
      entries: [
        ...entriesFrom(first, entryCount - 1, 1, share),
        ...entriesFrom(first + entryCount - 1, 1, 1, payloadBytes),
      ],
    });
    const lastShare = share + (await this.#missing(tuned(share), bytes));
    // A payload length that needs one more byte itself can change the size once more.
    const save = tuned(lastShare + (await this.#missing(tuned(lastShare), bytes)));
    expectThat((await this.#missing(save, bytes)) === 0, `no save is written as ${bytes} bytes`);
    return save;
  }

  async #missing(save: LedgerBatch, bytes: number): Promise<number> {
    let written = 0;
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const { wal } = await this.#backEnd.open(environment, this.#options).createWal(metadata);
      await wal.save(before);
      const writtenBefore = wal.stats.bytesWritten;
      await wal.save(save);
      written = wal.stats.bytesWritten - writtenBefore;
    });
    return bytes - written;
  }

  /**
   * The smallest payload of the last of `entryCount` entries with which a save of them begins a
   * segment.
   */
  async rotatingPayload(entryCount: number, segmentBytes: number): Promise<number> {
    let fits = 0;
    let rotates = segmentBytes;
    while (rotates - fits > 8) {
      const payloadBytes = Math.floor((fits + rotates) / 16) * 8;
      const groups = [[manyEntries(entryCount, payloadBytes)], [oneMore(entryCount)]];
      if ((await this.#segmentsAfter(groups)) > 1) rotates = payloadBytes;
      else fits = payloadBytes;
    }
    return rotates;
  }

  /**
   * Interrupts the batches after the first `quiet` ones at every call, and also checks them after
   * their end.
   */
  async crash(name: string, groups: SavedGroups, quiet = 0): Promise<void> {
    for (let stopAt = 1; ; stopAt += 1) {
      const left = await this.#play(
        groups,
        (disk) => disk.stopAtMutation(stopAt + disk.mutationCount),
        { quiet },
      );
      const ended = !left.disk.stopped;
      const context = `${name}, ${ended ? 'ended' : `stopped at mutation ${stopAt}`}`;
      const killed = left.disk.kill(stopAt);
      for (const { disk, lost } of this.#cut(left.disk, stopAt)) {
        await this.#goOn({ ...left, disk }, `${context}, lost: ${lost}`);
      }
      await this.#goOn({ ...left, disk: killed }, `${context}, killed`);
      if (ended) return;
    }
  }

  /** Makes each sync of the batches fail once; its data is dropped from the writes to come. */
  async failSyncs(name: string, groups: SavedGroups): Promise<void> {
    const fault = { type: 'sync-error', pending: 'dropped' } as const;
    for (let nth = 1; ; nth += 1) {
      const injected: InjectedFault[] = [];
      const inject = (disk: SimulatedDisk): void => {
        injected.push(disk.inject({ on: ['write-durable', 'datasync'], nth, fault }));
      };
      const left = await this.#play(groups, inject, { mayFail: true });
      if (injected.every(({ hits }) => hits === 0)) return;
      const context = `${name}, sync ${nth} failed`;
      await this.#goOn({ ...left, disk: left.disk.kill(nth) }, context);
    }
  }

  async #segmentsAfter(groups: SavedGroups): Promise<number> {
    let segments = 0;
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const { wal } = await this.#backEnd.open(environment, this.#options).createWal(metadata);
      for (const group of [[before], ...groups])
        await Promise.all(group.map((save) => wal.save(save)));
      segments = wal.stats.segments;
    });
    return segments;
  }

  async #play(
    groups: SavedGroups,
    prepare: (disk: SimulatedDisk) => void,
    { quiet = 0, mayFail = false },
  ): Promise<Left> {
    const disk = new SimulatedDisk({ seed: 1 });
    const environment = simulatedEnvironment(1, disk);
    const ledger = ledgerFor(this.#backEnd);
    await runWorkload(environment, async () => {
      const opened = await this.#backEnd.open(environment, this.#options).createWal(metadata);
      expectThat((await perform(opened, ledger, before)) === undefined, 'the first save failed');
      for (const [at, group] of groups.entries()) {
        if (at === quiet) prepare(disk);
        const ended = await Promise.all(group.map((save) => perform(opened, ledger, save)));
        const error = ended.find((each) => each !== undefined);
        if (error !== undefined && !mayFail) throw error;
        if (error !== undefined) return;
      }
    });
    return { disk, ledger };
  }

  /** Reopens the log, saves a little more, and then cuts the power. */
  async #goOn({ disk: left, ledger: told }: Left, context: string): Promise<void> {
    this.states += 1;
    const world = simulatedEnvironment(2, left);
    const ledger = told.copy();
    let isOpen = false;
    await runWorkload(world, async () => {
      const manager = this.#backEnd.open(world, this.#options);
      const opened = await this.verdicts.open(this.#backEnd, manager, world, () => context);
      if (opened === undefined) return;
      isOpen = true;
      expectNothing(ledger.judge(opened), context);
      ledger.adopt(opened);
      const { storage } = opened;
      const last = storage.lastIndex();
      const term = storage.term(last);
      const sizes = this.#fillBytes === 0 ? [40] : [40, this.#fillBytes, this.#fillBytes];
      for (const [at, bytes] of sizes.entries()) {
        const more = { entries: entriesFrom(last + 1 + at, 1, term, bytes) };
        expectThat(
          (await perform(opened, ledger, more)) === undefined,
          `${context}: a save failed`,
        );
      }
    });
    if (!isOpen) return;
    for (const { disk, lost } of this.#cut(left, 2)) {
      const last = simulatedEnvironment(3, disk);
      const what = `${context}, opened again, then lost: ${lost}`;
      // No write was in flight, so nothing may look like an interrupted one.
      await runWorkload(last, async () => {
        const opened = await this.#backEnd.open(last, this.#options).replayWal();
        expectThat(opened.tail.verdict === 'clean', `${what}: the tail is ${opened.tail.verdict}`);
        expectNothing(ledger.judge(opened), what);
      });
    }
  }

  #cut(disk: SimulatedDisk, seed: number): ReturnType<typeof crashStates> {
    return crashStates(disk, { exhaustiveMax: this.#samples, samples: this.#samples, seed });
  }
}
