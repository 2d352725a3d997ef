/**
 * What the random sequences are made of: saves that wait together, writes that fail in every way, logs
 * that are closed and opened again in the same process, openings and closings that fail, power cuts. At
 * each opening the ledger of the log judges what is there, and takes it as promised from then on.
 */
import { expect } from 'vitest';
import type { OpenedWal } from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import type { LevelWalManager } from '../src/index.ts';
import { ForgetfulPlace, type FailedWrite } from './forgetful-place.ts';
import { RandomBatches } from './random-batches.ts';

const groups = [0n, 1n, 2n] as const;
const failures: readonly FailedWrite[] = ['nothing', 'hidden', 'shown'];

type Random = (below: number) => number;

interface Group {
  readonly groupId: bigint;
  readonly ledger: Ledger;
  opened: OpenedWal | undefined;
  /** Once the log was opened there is one. */
  batches: RandomBatches | undefined;
}

/** What happened, so that a test can say that it did. */
export interface Seen {
  openings: number;
  /** Openings for which the database was opened, too. */
  reopenings: number;
  /** Openings that were refused because another log was open in a failed database. */
  refused: number;
  poisoned: number;
  powerCuts: number;
  acknowledged: number;
}

/** Some logs in one place, and a process after the other that works with them. */
export class FailingWorld {
  readonly place: ForgetfulPlace;
  readonly seen: Seen;
  readonly #random: Random;
  readonly #groups: Group[] = groups.map((groupId) => ({
    groupId,
    ledger: new Ledger(),
    opened: undefined,
    batches: undefined,
  }));
  readonly #poisoned = new Set<bigint>();
  readonly #toldTwice: bigint[] = [];
  #pending: Promise<void>[] = [];
  #manager: LevelWalManager;

  constructor(random: Random, seen: Seen) {
    this.#random = random;
    this.seen = seen;
    this.place = new ForgetfulPlace(random);
    this.#manager = this.#start();
  }

  async step(): Promise<void> {
    const group = this.#groups[this.#random(this.#groups.length)];
    if (group === undefined) throw new Error('a group');
    const step = this.#random(40);
    if (step === 0) this.place.nextFailure = failures[this.#random(failures.length)];
    else if (step === 1) await this.#cutPower();
    else if (step === 2) await this.#restart();
    else if (step < 5) await this.#close(group);
    else if (step === 5) this.place.nextOpenFails = true;
    else if (step === 6) this.place.nextCloseFails = true;
    else if (step === 7) await this.place.clock.pass(50);
    else if (step < 10) await this.#settle();
    else if (step === 10) this.#look(group);
    else if (step === 11) await this.#ask(group);
    else if (step === 12) await this.#openAll();
    else if (group.opened === undefined) await this.#open(group);
    else this.#write(group, group.opened);
  }

  /** All logs are opened once more, by a new process. */
  async end(): Promise<void> {
    await this.#restart();
    await this.#openAll();
    expect(this.#groups.filter(({ opened }) => opened === undefined)).toEqual([]);
    expect(this.#toldTwice, 'poisoned is told once').toEqual([]);
    await this.#manager.close();
  }

  #start(): LevelWalManager {
    const manager = this.place.manager();
    manager.events.subscribe((event) => {
      if (event.type !== 'poisoned') return;
      if (this.#poisoned.has(event.groupId)) this.#toldTwice.push(event.groupId);
      this.#poisoned.add(event.groupId);
      this.seen.poisoned += 1;
    });
    return manager;
  }

  #write(group: Group, { wal }: OpenedWal): void {
    const batch = group.batches?.next() ?? {};
    const id = group.ledger.attempt(batch);
    const { purgeTo, ...save } = batch;
    const call = purgeTo === undefined ? wal.save(save) : wal.purge(purgeTo);
    const ended = call.then(
      () => {
        this.seen.acknowledged += 1;
        group.ledger.acknowledge(id);
      },
      (error: unknown) => {
        expect(['WAL_POISONED', 'WAL_CLOSED'], String(error)).toContain(codeOf(error));
        group.ledger.reject(id, error);
      },
    );
    this.#pending.push(ended);
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
  }

  async #close(group: Group): Promise<void> {
    if (group.opened === undefined) return;
    const closing = group.opened.wal.close().catch((error: unknown) => {
      expect(codeOf(error)).toBe('WAL_POISONED');
    });
    // Whoever closes may or may not wait for what is pending.
    if (this.#random(2) === 0) await this.#settle();
    await closing;
    await this.#settle();
    group.opened = undefined;
    this.#poisoned.delete(group.groupId);
  }

  async #openAll(): Promise<void> {
    const closed = this.#groups.filter(({ opened }) => opened === undefined);
    await Promise.all(closed.map((group) => this.#open(group)));
  }

  async #open(group: Group): Promise<void> {
    const { openings } = this.place;
    try {
      const { groupId } = group;
      const opened = await this.#openOrCreate(group);
      expect(group.ledger.judge(opened), `group ${groupId}`).toEqual([]);
      group.ledger.adopt(opened);
      group.opened = opened;
      group.batches = new RandomBatches(opened, this.#random);
      this.seen.openings += 1;
      if (this.place.openings > openings) this.seen.reopenings += 1;
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      // A failed create, a database that has to be left first, or an opening that was made to fail.
      if (code === 'WAL_POISONED' && String(error).includes('of the groups'))
        this.seen.refused += 1;
      else expect(['WAL_POISONED', 'WAL_READ_FAILED']).toContain(code);
    }
  }

  async #openOrCreate({ groupId, batches }: Group): Promise<OpenedWal> {
    const exists = await this.#manager.hasExistingWal({ groupId });
    if (batches !== undefined) expect(exists).toBe(true);
    return exists
      ? this.#manager.replayWal({ groupId })
      : this.#manager.createWal({ clusterId: 1, nodeId: 1 }, { groupId });
  }

  /** A log that is open, also one that is poisoned, can be read, and has all that was acknowledged. */
  #look({ groupId, opened, ledger }: Group): void {
    if (opened === undefined) return;
    const { storage } = opened;
    const { hardState } = storage.initialState();
    const violations = ledger.judge({ storage, hardState, snapshots: [] });
    expect(violations, `group ${groupId}`).toEqual([]);
  }

  async #ask({ groupId, opened }: Group): Promise<void> {
    try {
      await this.#manager.findSnapshots({ groupId });
    } catch (error) {
      expect(opened).toBe(undefined);
      expect(['WAL_NOT_FOUND', 'WAL_POISONED', 'WAL_READ_FAILED']).toContain(codeOf(error));
    }
  }

  async #cutPower(): Promise<void> {
    this.seen.powerCuts += 1;
    this.place.cutPower();
    await this.#settle();
    await this.#restart();
  }

  async #restart(): Promise<void> {
    this.place.nextCloseFails = false;
    await this.#manager.close().catch((error: unknown) => {
      expect(codeOf(error)).toBe('WAL_POISONED');
    });
    await this.#settle();
    for (const group of this.#groups) group.opened = undefined;
    this.#poisoned.clear();
    this.place.nextFailure = undefined;
    this.place.nextOpenFails = false;
    this.#manager = this.#start();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
