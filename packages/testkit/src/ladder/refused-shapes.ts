/**
 * Saves of every shape on a full disk: a group finds no space together with a large save, and is
 * saved again without it, or when there is room. Nothing of the refused group may come back after a
 * power cut, and what was acknowledged behind it must be there.
 */
import type { OpenedWal, SaveBatch } from '@babuza/wal-core';
import type { Ledger, ShapedGroup } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { perform } from './author.ts';
import { expectNothing, expectThat, ledgerFor, metadata, type BackEnd } from './back-end.ts';
import { entriesFrom } from './scripts.ts';

export interface FullDisk<Options extends object> {
  /** Without a cache, so that entries are read from where they were written. */
  readonly options: Options;
  /** The length of the only segment that the disk has room for. */
  readonly segmentBytes: number;
  /** The payload of an entry that leaves room in the segment for a group without large entries. */
  readonly fillerBytes: number;
}

export class RefusedShapes<Options extends object> {
  states = 0;
  /** Groups that were acknowledged while the disk was full. */
  fitted = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #fullDisk: FullDisk<Options>;

  constructor(backEnd: BackEnd<Options>, fullDisk: FullDisk<Options>) {
    this.#backEnd = backEnd;
    this.#fullDisk = fullDisk;
  }

  toString(): string {
    return `${this.states} crash states of groups that found no space, ${this.fitted} fitted without the large save`;
  }

  async run(group: ShapedGroup, seed: number): Promise<void> {
    for (const then of ['another save', 'the same', 'the same, and room'] as const) {
      const disk = new SimulatedDisk({ seed });
      const environment = simulatedEnvironment(seed, disk);
      const ledger = ledgerFor(this.#backEnd);
      await runWorkload(environment, () => this.#play(environment, ledger, group, then));
      for (const state of crashStates(disk, { exhaustiveMax: 4, samples: 3, seed })) {
        this.states += 1;
        await this.#judge(state.disk, ledger, `${group.name}; lost: ${state.lost}`);
      }
    }
  }

  async #play(
    environment: SimulatedEnvironment,
    ledger: Ledger,
    group: ShapedGroup,
    then: 'another save' | 'the same' | 'the same, and room',
  ): Promise<void> {
    const { segmentBytes, fillerBytes, options } = this.#fullDisk;
    const disk = environment.fileSystem;
    const opened = await this.#backEnd.open(environment, options).createWal(metadata);
    disk.capacityBytes = segmentBytes;
    const saveAll = (saves: readonly SaveBatch[]): Promise<string[]> =>
      codesOf(opened, ledger, saves);
    for (const save of [...group.savesBefore, { entries: entriesFrom(12, 1, 2, fillerBytes) }]) {
      expectThat((await saveAll([save]))[0] === 'saved', `${group.name}: the disk is full early`);
    }
    const large = { entries: entriesFrom(13, 1, 2, segmentBytes / 2) };
    const refused = await saveAll([large, ...group.saves]);
    const all = refused.every((code) => code === 'WAL_NO_SPACE');
    expectThat(all, `${group.name}: ${refused.join(', ')}`);
    if (then === 'another save') {
      const other = await saveAll([{ entries: entriesFrom(13, 1, 2, 10) }]);
      expectThat(other[0] === 'saved', `${group.name}: another save ended with ${other[0]}`);
      return;
    }
    const again = await saveAll(group.saves);
    const fitted = again.every((code) => code === 'saved');
    if (fitted) this.fitted += 1;
    if (then === 'the same') return;
    disk.capacityBytes = Infinity;
    const ended = fitted ? again : await saveAll(group.saves);
    expectThat(
      ended.every((code) => code === 'saved'),
      `${group.name}: ${ended.join(', ')}`,
    );
    const { storage } = opened;
    const last = storage.lastIndex();
    const next = { entries: entriesFrom(last + 1, 1, storage.term(last), segmentBytes / 2) };
    expectThat((await saveAll([next]))[0] === 'saved', `${group.name}: there is room`);
    const { length } = storage.entries(storage.firstIndex(), last + 2, Infinity);
    expectThat(length === last + 2 - storage.firstIndex(), `${group.name}: ${length} entries`);
  }

  async #judge(disk: SimulatedDisk, ledger: Ledger, context: string): Promise<void> {
    const environment = simulatedEnvironment(1, disk);
    await runWorkload(environment, async () => {
      const opened = await this.#backEnd.open(environment).replayWal();
      expectNothing(ledger.judge(opened), context);
    });
  }
}

/** How each of the saves ended, which are called together. */
function codesOf(
  opened: OpenedWal,
  ledger: Ledger,
  saves: readonly SaveBatch[],
): Promise<string[]> {
  const ended = saves.map(async (save) => (await perform(opened, ledger, save))?.code ?? 'saved');
  return Promise.all(ended);
}
