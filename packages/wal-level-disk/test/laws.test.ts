/**
 * The laws that the logs of the original design broke, on the real LevelDB with a check of its
 * keys: stale tails, payloads that stay in memory, uncommitted entries that reappear, and a purged
 * log that looks like no log. The conformance suite tests these laws for every back end without
 * that check.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ClassicLevel } from 'classic-level';
import type { Entry } from '@babuza/raftpb';
import type { OpenedWal, ReplayOptions, WalManager } from '@babuza/wal-core';
import { walBackend } from '../src/index.ts';

let directory = '';
let manager: WalManager;
let opened: OpenedWal;

beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/babuza-level-laws-`);
  manager = await walBackend.open(directory);
  opened = await manager.createWal({ clusterId: 1, nodeId: 1 });
});

afterEach(async () => {
  await manager.close();
  await rm(directory, { recursive: true });
});

async function restart(options?: ReplayOptions): Promise<void> {
  await manager.close();
  manager = await walBackend.open(directory);
  opened = await manager.replayWal(options);
}

function entries(first: number, last: number, term: number, bytes = 10): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => {
    const data = new Uint8Array(bytes).fill(first + at + term);
    return { index: first + at, term, type: 0, data };
  });
}

/** The indexes of the keys of entries, read with LevelDB alone while the log is closed. */
async function indexesInLevelDb(): Promise<number[]> {
  await manager.close();
  const database = new ClassicLevel<Uint8Array, Uint8Array>(`${directory}/db`, {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  const indexes: number[] = [];
  for await (const key of database.keys()) {
    if (key[8] === 0x50) indexes.push(Number(Buffer.from(key).readBigUInt64BE(9)));
  }
  await database.close();
  await restart();
  return indexes;
}

it('an uncommitted tail that another leader replaced never reappears', async () => {
  await opened.wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 1n, commit: 3 } });
  await restart();
  await opened.wal.save({ entries: entries(4, 5, 2), hardState: { term: 2, vote: 0n, commit: 3 } });
  expect(opened.storage.entries(1, 6, Infinity)).toEqual([
    ...entries(1, 3, 1),
    ...entries(4, 5, 2),
  ]);
  expect(await indexesInLevelDb()).toEqual([1, 2, 3, 4, 5]);
  await opened.wal.save({ entries: entries(6, 6, 2) });
  await restart();
  expect(opened.storage.lastIndex()).toBe(6);
  expect(opened.storage.entries(4, 7, Infinity)).toEqual(entries(4, 6, 2));
});

it('payloads leave memory and are read from LevelDB', async () => {
  for (let first = 1; first <= 4000; first += 100) {
    await opened.wal.save({ entries: entries(first, first + 99, 1, 1024) });
  }
  const { cacheBytes, indexBytes } = opened.wal.stats;
  expect(cacheBytes).toBeLessThanOrEqual(1024 * 1024);
  expect(indexBytes).toBeLessThan(1000);
  const all = opened.storage.entries(1, 4001, Infinity);
  expect(all.length).toBe(4000);
  expect(all[0]).toEqual(entries(1, 1, 1, 1024)[0]);
  expect(opened.wal.stats.cacheMisses).toBeGreaterThan(2900);
});

it('discarded entries are deleted from the database, even if no entry is committed', async () => {
  await opened.wal.save({ entries: entries(1, 5, 1) });
  await restart({ discardUncommitted: true });
  expect(opened.storage.lastIndex()).toBe(0);
  expect(await indexesInLevelDb()).toEqual([]);
  await opened.wal.save({ entries: entries(1, 6, 2), hardState: { term: 2, vote: 1n, commit: 4 } });
  await restart({ discardUncommitted: true });
  expect(await indexesInLevelDb()).toEqual([1, 2, 3, 4]);
});

it('a log whose entries are all purged still exists', async () => {
  await opened.wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 1n, commit: 5 } });
  await opened.wal.purge(5);
  expect(await indexesInLevelDb()).toEqual([]);
  await manager.close();
  manager = await walBackend.open(directory);
  expect(await manager.hasExistingWal()).toBe(true);
  await expect(manager.createWal({ clusterId: 1, nodeId: 1 })).rejects.toMatchObject({
    code: 'WAL_EXISTS',
  });
  opened = await manager.replayWal();
  expect([opened.storage.firstIndex(), opened.storage.lastIndex()]).toEqual([6, 5]);
  expect(opened.storage.term(5)).toBe(1);
});
