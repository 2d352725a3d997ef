/** Replay and reads, beside reading and checksumming the same bytes raw. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Entry } from '@babuza/raftpb';
import type { EntryStorage } from '@babuza/wal-core';
import { NativeWalManager } from '@babuza/wal-native';
import type { Contender } from './measure.ts';
import { readAndChecksum } from './raw-file.ts';
import type { Work } from './saving.ts';

export const entryCount = 100_000;
const payloadBytes = 1024;

/** A log of 100,000 entries of 1 KB, closed. Returns the paths of its segments. */
export async function fillLog(directory: string): Promise<string[]> {
  const manager = new NativeWalManager(directory);
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
  return readdirSync(directory)
    .filter((name) => name.endsWith('.wal'))
    .map((name) => `${directory}/${name}`);
}

/** Opens the log, all checksums verified, against reading and checksumming its files. */
export function replaying(directory: string, files: readonly string[]): Work {
  const buffer = new Uint8Array(1024 * 1024);
  return {
    title: `open a log of ${entryCount.toLocaleString('en')} × 1 KB, every checksum verified`,
    contenders: [
      {
        name: 'raw read + crc32',
        run: async () => {
          for (const file of files) readAndChecksum(file, buffer);
          return [];
        },
      },
      {
        name: 'wal-native, replay',
        run: async () => {
          const manager = new NativeWalManager(directory);
          const { storage } = await manager.replayWal();
          if (storage.lastIndex() !== entryCount) throw new Error('the log is not whole');
          await manager.close();
          return [];
        },
      },
    ],
    close: async () => undefined,
  };
}

const readsPerRound = 20_000;

/** Single entries that are not cached, from the page cache of the system. */
export async function coldReads(directory: string, files: readonly string[]): Promise<Work> {
  const manager = new NativeWalManager(directory);
  const { storage } = await manager.replayWal();
  const fd = openSync(files[0] ?? '', 'r');
  const buffer = new Uint8Array(payloadBytes);
  return {
    title: 'read one entry of 1 KB that is not cached, at random',
    contenders: [
      timedReads('raw read + crc32', (at) => {
        readSync(fd, buffer, 0, payloadBytes, ((at * 7919) % 50_000) * payloadBytes);
        crc32(buffer);
      }),
      timedReads('wal-native, verified', (at) => {
        const index = 1 + ((at * 7919) % (entryCount - 2000));
        storage.entries(index, index + 1, Infinity);
      }),
    ],
    close: async () => {
      closeSync(fd);
      await manager.close();
    },
  };
}

/** Ranges of a mebibyte. */
export async function rangeReads(directory: string, files: readonly string[]): Promise<Work> {
  const manager = new NativeWalManager(directory);
  const { storage } = await manager.replayWal();
  const fd = openSync(files[0] ?? '', 'r');
  const buffer = new Uint8Array(1024 * 1024);
  const reads = 100;
  const timed = (name: string, read: (at: number) => void): Contender =>
    timedReads(name, read, reads);
  return {
    title: 'read a range of 1,000 entries of 1 KB that are not cached',
    contenders: [
      timed('raw read + crc32', (at) => {
        readSync(fd, buffer, 0, buffer.length, (at % 60) * buffer.length);
        crc32(buffer);
      }),
      timed('wal-native, verified', (at) => readRange(storage, 1 + (at % 90) * 1000)),
    ],
    close: async () => {
      closeSync(fd);
      await manager.close();
    },
  };
}

function readRange(storage: EntryStorage, lo: number): void {
  const entries = storage.entries(lo, lo + 1000, Infinity);
  if (entries.length !== 1000) throw new Error('the range is not whole');
}

function timedReads(
  name: string,
  read: (at: number) => void,
  count: number = readsPerRound,
): Contender {
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
