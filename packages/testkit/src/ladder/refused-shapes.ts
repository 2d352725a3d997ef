/**
 * Saves of every shape on a full disk. A batch of saves finds no space because one of them is
 * large; then it is saved again without the large one, or after space was made. After a power cut
 * nothing of the refused batch may come back, and whatever was acknowledged after it must be there.
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
  /** The options turn the cache off, so that entries are read from the disk. */
  readonly options: Options;
  /** The length of the only segment that the disk has space for. */
  readonly segmentBytes: number;
  /** The payload of an entry that leaves space in the segment for a batch without large entries. */
  readonly fillerBytes: number;
}

export class RefusedShapes<Options extends object> {
  states = 0;
  /** The number of batches that were acknowledged while the disk was full. */
  fitted = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #fullDisk: FullDisk<Options>;

  constructor(backEnd: BackEnd<Options>, fullDisk: FullDisk<Options>) {
    this.#backEnd = backEnd;
    this.#fullDisk = fullDisk;
  }

  toString(): string {
    return `${this.states} crash states of groups that found no space, ${this.fitted} were saved without the large entry`;
  }

  async run(group: ShapedGroup, seed: number): Promise<void> {
    for (const then of ['another save', 'the same', 'the same, with space'] as const) {
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
    then: 'another save' | 'the same' | 'the same, with space',
  ): Promise<void> {
    const { segmentBytes, fillerBytes, options } = this.#fullDisk;
    const disk = environment.fileSystem;
    const opened = await this.#backEnd.open(environment, options).createWal(metadata);
    disk.capacityBytes = segmentBytes;
    const saveAll = (saves: readonly SaveBatch[]): Promise<string[]> =>
      codesOf(opened, ledger, saves);
    for (const save of [...group.savesBefore, { entries: entriesFrom(12, 1, 2, fillerBytes) }]) {
      expectThat(
        (await saveAll([save]))[0] === 'saved',
        `${group.name}: the disk was full too early`,
      );
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
    expectThat(
      (await saveAll([next]))[0] === 'saved',
      `${group.name}: the save failed although there was space`,
    );
    const { length } = storage.entries(storage.firstIndex(), last + 2, Infinity);
    expectThat(
      length === last + 2 - storage.firstIndex(),
      `${group.name}: ${length} entries were read`,
    );
  }

  async #judge(disk: SimulatedDisk, ledger: Ledger, context: string): Promise<void> {
    const environment = simulatedEnvironment(1, disk);
    await runWorkload(environment, async () => {
      const opened = await this.#backEnd.open(environment).replayWal();
      expectNothing(ledger.judge(opened), context);
    });
  }
}

/** Makes the saves together, and returns how each of them ended. */
function codesOf(
  opened: OpenedWal,
  ledger: Ledger,
  saves: readonly SaveBatch[],
): Promise<string[]> {
  const ended = saves.map(async (save) => (await perform(opened, ledger, save))?.code ?? 'saved');
  return Promise.all(ended);
}
