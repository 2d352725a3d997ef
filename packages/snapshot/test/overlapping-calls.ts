/**
 * Overlapping calls of one snapshot manager: snapshots are made while another one is received in
 * two attempts, one is read and held open, older ones are removed and made again, and identity
 * records are written. The ledger records what each call promised.
 */
import type { SnapshotManager, StoredSnapshot } from '@babuza/raft/ports';
import type { SimulatedDisk } from '@babuza/testkit';
import { expect } from 'vitest';
import { VolatileSnapshotManager } from '../src/index.ts';
import { asStream, bytesOf, chunkBytes, filesOf, joined, make, metadataOf } from './support.ts';
import type { Files } from './support.ts';

export const filesAt = (index: number): Files => ({
  a: bytesOf(700, index),
  b: bytesOf(index % 3, index),
});

const at = (index: number): { index: number; term: number } => ({ index, term: 1 });

/** Which snapshots and which identity record must exist, and which may. */
export class SnapshotLedger {
  readonly acknowledged: Set<number> = new Set();
  readonly attempted: Set<number> = new Set();
  /** Made or received successfully at least once, whatever came later. */
  readonly #stored: Set<number> = new Set();
  /** The removal was acknowledged, and no call has tried to make them since. */
  readonly #removed: Set<number> = new Set();
  /** The number of calls for each. */
  readonly #removals = new Map<number, number>();
  readonly #additions = new Map<number, number>();
  /** The numbers of the identity records that may exist. 0 means no record. */
  #recordMin = 0;
  #recordMax = 0;

  /** Records that a snapshot is made or received. One that is removed meanwhile is not promised. */
  async adding(index: number, work: () => Promise<unknown>): Promise<void> {
    this.attempted.add(index);
    this.#removed.delete(index);
    this.#additions.set(index, (this.#additions.get(index) ?? 0) + 1);
    const removals = this.#removals.get(index);
    await work();
    this.#stored.add(index);
    if (this.#removals.get(index) === removals) this.acknowledged.add(index);
  }

  /**
   * Records a removal. From the call on the snapshot may be gone, even if the removal is rejected.
   */
  async removing(index: number, work: () => Promise<unknown>): Promise<void> {
    this.#beginRemoval(index);
    const additions = this.#additions.get(index);
    await work();
    if (this.#additions.get(index) === additions) this.#removed.add(index);
  }

  /** Records a retention. A snapshot that a reader holds is removed later. */
  async retaining(indexes: readonly number[], work: () => Promise<unknown>): Promise<void> {
    for (const index of indexes) this.#beginRemoval(index);
    await work();
  }

  #beginRemoval(index: number): void {
    this.acknowledged.delete(index);
    this.#removals.set(index, (this.#removals.get(index) ?? 0) + 1);
  }

  async writing(manager: SnapshotManager): Promise<void> {
    this.#recordMax += 1;
    const number = this.#recordMax;
    await manager.writeIdentity(new Uint8Array(40).fill(number));
    this.#recordMin = number;
  }

  /** The violations in the identity record. */
  judgeRecord(record: Uint8Array | undefined): string[] {
    const number = record?.[0] ?? 0;
    const isWhole = record === undefined || (record.length === 40 && new Set(record).size === 1);
    if (isWhole && number >= this.#recordMin && number <= this.#recordMax) return [];
    return [`record ${number} is there, expected ${this.#recordMin} to ${this.#recordMax}`];
  }

  /**
   * The violations in the existing snapshots. While the manager is open a snapshot whose every
   * attempt was rejected does not exist; after a crash it may.
   */
  async judge(manager: SnapshotManager, isSameManager: boolean): Promise<string[]> {
    const found = manager.list().map(({ metadata }) => metadata.index);
    const possible = isSameManager ? this.#stored : this.attempted;
    const missing = [...this.acknowledged].filter((index) => !found.includes(index));
    const strange = found.filter((index) => !possible.has(index));
    const back = found.filter((index) => this.#removed.has(index));
    for (const index of found) expect(await filesOf(manager, index)).toEqual(filesAt(index));
    return [
      ...missing.map((index) => `${index} was acknowledged and is gone`),
      ...strange.map((index) => `${index} is there although it was not stored`),
      ...back.map((index) => `${index} is there although its removal was acknowledged`),
    ];
  }
}

/** A snapshot as another node sends it. */
export interface Arriving {
  readonly stored: StoredSnapshot;
  readonly stream: Uint8Array;
}

export async function arrivingAt(index: number): Promise<Arriving> {
  const other = new VolatileSnapshotManager({ chunkBytes });
  await other.open(1n);
  const stored = await make(other, index, filesAt(index));
  return { stored, stream: await joined(other.send(stored.metadata)) };
}

/** A rejected call. */
export interface RejectedCall {
  readonly name: string;
  readonly error: unknown;
}

interface Call {
  readonly name: string;
  readonly make: () => Promise<void>;
}

export class OverlappingCalls {
  readonly rejected: RejectedCall[] = [];
  readonly #manager: SnapshotManager;
  readonly #disk: SimulatedDisk;
  readonly #ledger: SnapshotLedger;
  readonly #arriving: Arriving;
  /** The rejected calls of each caller. */
  readonly #rejectedOf: Call[][] = [];

  constructor(
    manager: SnapshotManager,
    disk: SimulatedDisk,
    ledger: SnapshotLedger,
    arriving: Arriving,
  ) {
    this.#manager = manager;
    this.#disk = disk;
    this.#ledger = ledger;
    this.#arriving = arriving;
  }

  /** Makes the snapshots 10, 15 and 20 and a record, one call after the other. */
  async begin(): Promise<void> {
    for (const index of [10, 15, 20]) await this.#make(index);
    await this.#ledger.writing(this.#manager);
  }

  /** Runs all callers at once. A rejected call does not end its caller. */
  async overlap(): Promise<void> {
    await this.#run(this.#callers());
  }

  /** Makes the rejected calls again, all callers at once, and each caller in its own order. */
  async again(): Promise<void> {
    this.rejected.splice(0);
    await this.#run(this.#rejectedOf.splice(0));
  }

  #callers(): readonly (readonly Call[])[] {
    const manager = this.#manager;
    const call = (name: string, make: () => Promise<void>): Call => ({ name, make });
    return [
      [
        call('30 is made', () => this.#make(30)),
        call('40 is made', () => this.#makeOfTwoAtOnce(40)),
      ],
      [
        call('25 is received in part', () => this.#receiveInPart()),
        call('25 is received', () => this.#receive()),
      ],
      [call('15 is read, held and removed', () => this.#holdAndRemove())],
      [
        call('10 is removed', () => this.#remove(10)),
        call('10 is made again', () => this.#make(10)),
        call('10 is removed again', () => this.#remove(10)),
      ],
      [
        call('20 is verified', () => this.#verify(20)),
        call('20 is sent', () => this.#send(20)),
        call('two are retained', () => this.#retain(2)),
      ],
      [
        call('a record is written', () => this.#ledger.writing(manager)),
        call('the record is read', () => this.#readRecord()),
        call('another record is written', () => this.#ledger.writing(manager)),
      ],
    ];
  }

  async #run(callers: readonly (readonly Call[])[]): Promise<void> {
    const running = callers.map(async (calls) => {
      const rejected: Call[] = [];
      for (const call of calls) {
        await this.#disk.step(call.name);
        await call.make().catch((error: unknown) => {
          this.rejected.push({ name: call.name, error });
          rejected.push(call);
        });
      }
      this.#rejectedOf.push(rejected);
    });
    await Promise.all(running);
  }

  async #make(index: number): Promise<void> {
    await this.#ledger.adding(index, () => make(this.#manager, index, filesAt(index)));
  }

  async #makeOfTwoAtOnce(index: number): Promise<void> {
    const files = Object.entries(filesAt(index));
    await this.#ledger.adding(index, () =>
      this.#manager.create(metadataOf(index), async (writer) => {
        await Promise.all(files.map(([name, content]) => writer.writeFile(name, [content])));
      }),
    );
  }

  async #receiveInPart(): Promise<void> {
    const { stored, stream } = this.#arriving;
    const offset = await this.#manager.received(stored.manifest);
    // These bytes contain one complete chunk of 520 bytes.
    const parts = [stream.subarray(offset, Math.max(offset, 560))];
    this.#ledger.attempted.add(25);
    await this.#manager
      .receive(stored.metadata, stored.manifest, asStream(parts))
      .catch((error: unknown) => {
        if (!String(error).includes('too early')) throw error;
      });
  }

  async #receive(): Promise<void> {
    const { stored, stream } = this.#arriving;
    await this.#ledger.adding(25, async () => {
      const rest = stream.subarray(await this.#manager.received(stored.manifest));
      await this.#manager.receive(stored.metadata, stored.manifest, asStream([rest]));
    });
  }

  async #holdAndRemove(): Promise<void> {
    if (!this.#exists(15)) return;
    const open = await this.#manager.read(at(15));
    try {
      await this.#disk.step('15 is held');
      for (const name of open.fileNames) {
        expect(await joined(open.readFile(name))).toEqual(filesAt(15)[name]);
      }
    } finally {
      await open.close();
    }
    await this.#remove(15);
  }

  async #remove(index: number): Promise<void> {
    await this.#ledger.removing(index, () => this.#manager.remove(at(index)));
  }

  async #verify(index: number): Promise<void> {
    const isWhole = await this.#manager.verify(at(index));
    if (this.#ledger.acknowledged.has(index)) expect(isWhole).toBe(true);
  }

  async #send(index: number): Promise<void> {
    if (!this.#exists(index)) return;
    const sent = await joined(this.#manager.send(at(index), 10));
    const { stream } = await arrivingAt(index);
    expect(Buffer.compare(sent, stream.subarray(10))).toBe(0);
  }

  async #retain(count: number): Promise<void> {
    const old = this.#manager.list().slice(0, -count);
    const indexes = old.map(({ metadata }) => metadata.index);
    await this.#ledger.retaining(indexes, () => this.#manager.retain(count));
  }

  async #readRecord(): Promise<void> {
    expect(this.#ledger.judgeRecord(await this.#manager.readIdentity())).toEqual([]);
  }

  #exists(index: number): boolean {
    return this.#manager.list().some(({ metadata }) => metadata.index === index);
  }
}
