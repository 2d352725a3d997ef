/**
 * Saves of every shape on a database that loses what was not synced, at each position of a batch
 * that several logs share. A power cut keeps everything that was acknowledged.
 */
import { describe, expect, it } from 'vitest';
import type { OpenedWal, SaveBatch } from '@babuza/wal-core';
import {
  groupPositions,
  Ledger,
  shapedGroups,
  shapedPairs,
  type ShapedGroup,
} from '@babuza/wal-core/conformance';
import type { LevelWalManager } from '../src/index.ts';
import { ForgetfulStore } from './forgetful-store.ts';

const identity = { clusterId: 1n, nodeId: 1n };

/** One log of the database, and the ledger of its saves. */
class JudgedLog {
  readonly #groupId: bigint;
  readonly #ledger = new Ledger();
  #opened: OpenedWal | undefined;

  constructor(groupId: bigint) {
    this.#groupId = groupId;
  }

  async begin(manager: LevelWalManager, saves: readonly SaveBatch[]): Promise<void> {
    this.#opened = await manager.createWal(identity, { groupId: this.#groupId });
    for (const save of saves) await this.save(save);
  }

  async save(batch: SaveBatch): Promise<void> {
    const id = this.#ledger.attempt(batch);
    await this.#opened?.wal.save(batch);
    this.#ledger.acknowledge(id);
  }

  async check(manager: LevelWalManager): Promise<string[]> {
    return this.#ledger.judge(await manager.replayWal({ groupId: this.#groupId }));
  }
}

/** Runs the group on the log at `position`. Its saves wait while another log is written. */
async function play(group: ShapedGroup, position: number, sharing: number): Promise<void> {
  // The store keeps nothing that was not synced.
  const store = new ForgetfulStore(() => 0);
  const manager = store.manager();
  const logs = Array.from({ length: sharing + 1 }, (_, at) => new JudgedLog(BigInt(at)));
  for (const log of logs) await log.begin(manager, group.savesBefore);
  const commitOnly = { hardState: { term: 2, vote: 0n, commit: 5 } };
  await Promise.all(
    logs.flatMap((log, at) =>
      at === position + 1 ? group.saves.map((save) => log.save(save)) : [log.save(commitOnly)],
    ),
  );
  store.cutPower();
  const next = store.manager();
  for (const log of logs) expect(await log.check(next), group.name).toEqual([]);
  await next.close();
}

describe('a power cut after an acknowledged group keeps it', () => {
  for (const position of groupPositions) {
    it(`with a save of every shape, ${position}`, async () => {
      for (const group of shapedGroups(position)) await play(group, 0, 1);
    });
  }

  it('of each two shapes of saves', async () => {
    for (const group of shapedPairs()) await play(group, 0, 1);
  });

  it('of every shape, at each position of a batch that three logs share', async () => {
    for (const position of [0, 1, 2]) {
      for (const group of shapedGroups('alone')) await play(group, position, 3);
    }
  });
});
