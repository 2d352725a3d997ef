/** Replay and reads, beside reading and checksumming the same bytes raw. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Entry } from '@babuza/raftpb';
import type { EntryStorage, WalManager } from '@babuza/wal-core';
import { EtcdWalManager } from '@babuza/wal-etcd';
import { NativeWalManager } from '@babuza/wal-native';
import type { Contender } from './measure.ts';
import { readAndChecksum } from './raw-file.ts';
import type { Work } from './saving.ts';

export const entryCount = 100_000;
const payloadBytes = 1024;

/** A log of 100,000 entries of 1 KB, closed. */
export interface FilledLog {
  readonly name: string;
  /** The paths of its segments. */
  readonly files: readonly string[];
  readonly open: () => WalManager;
}

/**
 * The same log in each back end that keeps segments; the raw contenders read the files of the first
 * one.
 */
export async function fillLogs(directory: string): Promise<FilledLog[]> {
  const openers: readonly (readonly [string, (path: string) => WalManager])[] = [
    ['wal-native', (path) => new NativeWalManager(path)],
    ['wal-etcd', (path) => new EtcdWalManager(path)],
  ];
  const logs: FilledLog[] = [];
  for (const [name, openAt] of openers) {
    const path = `${directory}/${name}`;
    const open = (): WalManager => openAt(path);
    await fill(open());
    const files = readdirSync(path)
      .filter((file) => file.endsWith('.wal'))
      .map((file) => `${path}/${file}`);
    logs.push({ name, files, open });
  }
  return logs;
}

async function fill(manager: WalManager): Promise<void> {
  const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
  wal.setUnsafeNoFsync();
  const data = new Uint8Array(payloadBytes).map((_, at) => (at * 7) & 0xff);
  for (let next = 1; next <= entryCount; next += 500) {
    const entries: Entry[] = [];
    for (let index = next; index < next + 500; index += 1) {
      entries.push({ index, term: 1, type: 0, data });
    }
    await wal.save({ entries });
  }
  await manager.close();
}

/** Opens the log, all checksums verified, against reading and checksumming its files. */
export function replaying(logs: readonly FilledLog[]): Work {
  const buffer = new Uint8Array(1024 * 1024);
  const replay = ({ name, open }: FilledLog): Contender => ({
    name: `${name}, replay`,
    run: async () => {
      const manager = open();
      const { storage } = await manager.replayWal();
      if (storage.lastIndex() !== entryCount) throw new Error('the log is not whole');
      await manager.close();
      return [];
    },
  });
  return {
    title: `open a log of ${entryCount.toLocaleString('en')} × 1 KB, every checksum verified`,
    contenders: [
      {
        name: 'raw read + crc32',
        run: async () => {
          for (const file of logs[0]?.files ?? []) readAndChecksum(file, buffer);
          return [];
        },
      },
      ...logs.map(replay),
    ],
    close: async () => undefined,
  };
}

const readsPerRound = 20_000;

/** Single entries that are not cached, from the page cache of the system. */
export function coldReads(logs: readonly FilledLog[]): Promise<Work> {
  const buffer = new Uint8Array(payloadBytes);
  return readingWork(logs, {
    title: 'read one entry of 1 KB that is not cached, at random',
    reads: readsPerRound,
    readRaw: (fd, at) => {
      readSync(fd, buffer, 0, payloadBytes, ((at * 7919) % 50_000) * payloadBytes);
      crc32(buffer);
    },
    read: (storage, at) => {
      const index = 1 + ((at * 7919) % (entryCount - 2000));
      storage.entries(index, index + 1, Infinity);
    },
  });
}

/** Ranges of a mebibyte. */
export function rangeReads(logs: readonly FilledLog[]): Promise<Work> {
  const buffer = new Uint8Array(1024 * 1024);
  return readingWork(logs, {
    title: 'read a range of 1,000 entries of 1 KB that are not cached',
    reads: 100,
    readRaw: (fd, at) => {
      readSync(fd, buffer, 0, buffer.length, (at % 60) * buffer.length);
      crc32(buffer);
    },
    read: (storage, at) => {
      const lo = 1 + (at % 90) * 1000;
      const entries = storage.entries(lo, lo + 1000, Infinity);
      if (entries.length !== 1000) throw new Error('the range is not whole');
    },
  });
}

interface Reading {
  readonly title: string;
  readonly reads: number;
  readonly readRaw: (fd: number, at: number) => void;
  readonly read: (storage: EntryStorage, at: number) => void;
}

async function readingWork(
  logs: readonly FilledLog[],
  { title, reads, readRaw, read }: Reading,
): Promise<Work> {
  const fd = openSync(logs[0]?.files[0] ?? '', 'r');
  const contenders = [timedReads('raw read + crc32', (at) => readRaw(fd, at), reads)];
  const managers: WalManager[] = [];
  for (const { name, open } of logs) {
    const manager = open();
    managers.push(manager);
    const { storage } = await manager.replayWal();
    contenders.push(timedReads(`${name}, verified`, (at) => read(storage, at), reads));
  }
  return {
    title,
    contenders,
    close: async () => {
      closeSync(fd);
      for (const manager of managers) await manager.close();
    },
  };
}

function timedReads(name: string, read: (at: number) => void, count: number): Contender {
  return {
    name,
    run: async () => {
      const latencies: number[] = [];
      // Grouped, because a single read takes hardly longer than looking at the clock.
      const group = Math.max(1, Math.floor(count / 200));
      for (let at = 0; at < count; at += group) {
        const startedMs = performance.now();
        for (let ordinal = at; ordinal < at + group; ordinal += 1) read(ordinal);
        latencies.push(((performance.now() - startedMs) * 1000) / group);
      }
      return latencies;
    },
  };
}
