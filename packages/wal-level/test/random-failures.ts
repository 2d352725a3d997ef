/**
 * The steps of the random sequences: concurrent saves, syncs and identity records, writes that fail
 * in every way, logs that are closed and opened again in one process, openings and closings that
 * fail, and power cuts. At each opening a ledger compares the log with what was acknowledged, and
 * takes its content as acknowledged from then on.
 */
import { expect } from 'vitest';
import { IdentityCalls } from '@babuza/testkit/ladder';
import type { OpenedWal } from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import type { LevelWalManager } from '../src/index.ts';
import { ForgetfulStore, type FailedWrite } from './forgetful-store.ts';
import { RandomBatches } from './random-batches.ts';

const groups = [0n, 1n, 2n] as const;
const failures: readonly FailedWrite[] = ['nothing', 'hidden', 'shown'];

type Random = (below: number) => number;

interface Group {
  readonly groupId: bigint;
  readonly ledger: Ledger;
  readonly identity: IdentityCalls;
  opened: OpenedWal | undefined;
  /** Present once the log was opened. */
  batches: RandomBatches | undefined;
}

/** Counts of what happened, so that a test can check that it did. */
export interface Seen {
  openings: number;
  /** Openings of a log that also opened the database. */
  reopenings: number;
  /** Openings that were refused because another log was open in a failed database. */
  refused: number;
  poisoned: number;
  powerCuts: number;
  acknowledged: number;
  syncs: number;
  records: number;
}

/** Some logs in one store, and the processes that use them one after the other. */
export class RandomFailures {
  readonly store: ForgetfulStore;
  readonly seen: Seen;
  readonly #random: Random;
  readonly #groups: Group[] = groups.map((groupId) => ({
    groupId,
    ledger: new Ledger(),
    identity: new IdentityCalls(),
    opened: undefined,
    batches: undefined,
  }));
  readonly #poisoned = new Set<bigint>();
  readonly #poisonedTwice: bigint[] = [];
  #pending: Promise<void>[] = [];
  #manager: LevelWalManager;

  constructor(random: Random, seen: Seen) {
    this.#random = random;
    this.seen = seen;
    this.store = new ForgetfulStore(random);
    this.#manager = this.#start();
  }

  async step(): Promise<void> {
    const group = this.#groups[this.#random(this.#groups.length)];
    if (group === undefined) throw new Error('a group');
    const step = this.#random(44);
    if (step === 0) this.store.nextFailure = failures[this.#random(failures.length)];
    else if (step === 1) await this.#cutPower();
    else if (step === 2) await this.#restart();
    else if (step < 5) await this.#close(group);
    else if (step === 5) this.store.nextOpenFails = true;
    else if (step === 6) this.store.nextCloseFails = true;
    else if (step === 7) await this.store.clock.pass(50);
    else if (step < 10) await this.#settle();
    else if (step === 10) this.#look(group);
    else if (step === 11) await this.#ask(group);
    else if (step === 12) await this.#openAll();
    else if (step === 13) await this.#readIdentity(group);
    else if (group.opened === undefined) await this.#open(group);
    else if (step < 17) this.#writeIdentity(group);
    else this.#write(group, group.opened);
  }

  /** Opens all logs once more in a new process. */
  async end(): Promise<void> {
    await this.#restart();
    await this.#openAll();
    expect(this.#groups.filter(({ opened }) => opened === undefined)).toEqual([]);
    expect(this.#poisonedTwice, 'the event poisoned is emitted once').toEqual([]);
    await this.#manager.close();
  }

  #start(): LevelWalManager {
    const manager = this.store.manager();
    manager.events.subscribe((event) => {
      if (event.type !== 'poisoned') return;
      if (this.#poisoned.has(event.groupId)) this.#poisonedTwice.push(event.groupId);
      this.#poisoned.add(event.groupId);
      this.seen.poisoned += 1;
    });
    return manager;
  }

  #write(group: Group, { wal }: OpenedWal): void {
    const batch = group.batches?.next() ?? {};
    const id = group.ledger.attempt(batch);
    const { purgeTo, sync, ...save } = batch;
    const saving = (): Promise<unknown> => (sync === true ? wal.sync() : wal.save(save));
    const call = purgeTo === undefined ? saving() : wal.purge(purgeTo);
    const ended = call.then(
      () => {
        this.seen.acknowledged += 1;
        if (sync === true) this.seen.syncs += 1;
        group.ledger.acknowledge(id);
      },
      (error: unknown) => {
        expect(['WAL_POISONED', 'WAL_CLOSED'], String(error)).toContain(codeOf(error));
        group.ledger.reject(id, error);
      },
    );
    this.#pending.push(ended);
  }

  #writeIdentity({ identity, groupId }: Group): void {
    const writing = identity.write(this.#manager, { groupId }).then((error) => {
      if (error === undefined) this.seen.records += 1;
      else expect(['WAL_POISONED', 'WAL_CLOSED'], String(error)).toContain(error.code);
    });
    this.#pending.push(writing);
  }

  /**
   * Checks that a record that is read is the last acknowledged one or one that is being written.
   */
  async #readIdentity({ identity, groupId, opened }: Group): Promise<void> {
    try {
      const record = await this.#manager.readIdentity({ groupId });
      expect(identity.judge(record), `group ${groupId}`).toEqual([]);
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      expect(['WAL_POISONED', 'WAL_READ_FAILED'], String(error)).toContain(code);
      if (code === 'WAL_READ_FAILED') expect(opened, String(error)).toBe(undefined);
    }
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
  }

  async #close(group: Group): Promise<void> {
    if (group.opened === undefined) return;
    const closing = group.opened.wal.close().catch((error: unknown) => {
      expect(codeOf(error)).toBe('WAL_POISONED');
    });
    // A caller of `close` may or may not wait for pending saves first.
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
    const { openings } = this.store;
    try {
      const { groupId } = group;
      const opened = await this.#openOrCreate(group);
      expect(group.ledger.judge(opened), `group ${groupId}`).toEqual([]);
      group.ledger.adopt(opened);
      group.opened = opened;
      group.batches = new RandomBatches(opened, this.#random);
      await this.#adoptIdentity(group);
      this.seen.openings += 1;
      if (this.store.openings > openings) this.seen.reopenings += 1;
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      // A creation failed, a failed database has open logs, or the test made the opening fail.
      if (code === 'WAL_POISONED' && String(error).includes('of the groups'))
        this.seen.refused += 1;
      else expect(['WAL_POISONED', 'WAL_READ_FAILED']).toContain(code);
    }
  }

  /** A write of another log may fail between the opening and this read. */
  async #adoptIdentity({ identity, groupId }: Group): Promise<void> {
    const record = await this.#manager.readIdentity({ groupId });
    expect(identity.judge(record), `group ${groupId}`).toEqual([]);
    identity.adopt(record);
  }

  async #openOrCreate({ groupId, batches }: Group): Promise<OpenedWal> {
    const exists = await this.#manager.hasExistingWal({ groupId });
    if (batches !== undefined) expect(exists).toBe(true);
    return exists
      ? this.#manager.replayWal({ groupId })
      : this.#manager.createWal({ clusterId: 1, nodeId: 1 }, { groupId });
  }

  /**
   * Checks that an open log, even a poisoned one, is readable and has everything that was
   * acknowledged.
   */
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
    this.store.cutPower();
    await this.#settle();
    await this.#restart();
  }

  async #restart(): Promise<void> {
    this.store.nextCloseFails = false;
    await this.#manager.close().catch((error: unknown) => {
      expect(codeOf(error)).toBe('WAL_POISONED');
    });
    await this.#settle();
    for (const group of this.#groups) group.opened = undefined;
    this.#poisoned.clear();
    this.store.nextFailure = undefined;
    this.store.nextOpenFails = false;
    this.#manager = this.#start();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
