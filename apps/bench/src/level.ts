/**
 * The log on LevelDB beside LevelDB itself: the same puts through plain classic-level, with
 * `sync: true`. What lies between the two is the cost of the log: its state record, its checks, its
 * cache.
 */
import type { Entry } from '@babuza/raftpb';
import type { WalManager } from '@babuza/wal-core';
import { walBackend, type DiskWalOptions } from '@babuza/wal-level-disk';
import { ClassicLevel } from 'classic-level';
import type { Contender } from './measure.ts';
import type { Work } from './saving.ts';

const payloadBytes = 1024;
/** The bytes of a key, and of a value without its payload. */
const keyBytes = 17;
const valueOverheadBytes = 21;
/** The bytes of the state record that is written with each batch. */
const stateBytes = 68;
const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/**
 * Until the engine has compiled the log's code. Before that a save costs about 100 µs more, and a
 * first round of a few hundred is not enough: batches are rare, most of the time is spent waiting
 * for the disk.
 */
const warmUpEntries = 3000;
const warmUpBatchesMin = 300;

const elapsedUs = (startedMs: number): number => (performance.now() - startedMs) * 1000;

/** So many entries in one durable batch, one caller. */
export async function levelSaves(
  directory: string,
  count: number,
  entryBytes: number,
  repeats: number,
): Promise<Work> {
  const place = `${directory}/batches-${count}-${entryBytes}`;
  const plain = await openPlain(`${place}-plain`);
  const manager = await walBackend.open(`${place}-level`);
  const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
  const data = incompressible(0).subarray(0, entryBytes);
  let next = 1;
  const save = async (): Promise<void> => {
    const entries: Entry[] = [];
    for (let at = 0; at < count; at += 1) {
      entries.push({ index: next, term: 1, type: 0, data });
      next += 1;
    }
    await wal.save({ entries });
  };
  let nextKey = 1;
  const value = new Uint8Array(valueOverheadBytes + entryBytes);
  value.set(data, valueOverheadBytes);
  const state = new Uint8Array(stateBytes);
  const put = async (): Promise<void> => {
    const operations = Array.from({ length: count }, (_, at) => ({
      type: 'put' as const,
      key: plainKey(nextKey + at),
      value,
    }));
    nextKey += count;
    operations.push({ type: 'put', key: plainKey(0), value: state });
    await plain.batch(operations, { ...encodings, sync: true });
  };
  const warmUpBatches = Math.max(warmUpBatchesMin, warmUpEntries / count);
  for (let at = 0; at < warmUpBatches; at += 1) {
    await put();
    await save();
  }
  return {
    title: `${count} × ${entryBytes} B per durable batch, LevelDB`,
    contenders: [
      timed('classic-level, the same puts, sync', repeats, put),
      timed('wal-level-disk, save', repeats, save),
    ],
    close: async () => {
      await plain.close();
      await manager.close();
    },
  };
}

const openCount = 100_000;

/** Opening a hundred thousand entries: by their keys, and with every value verified. */
export async function levelOpening(directory: string): Promise<Work> {
  const place = `${directory}/level-open`;
  await fill(place, {}, openCount, incompressible);
  const opening = (name: string, options: DiskWalOptions): Contender => ({
    name,
    run: async () => {
      const manager = await walBackend.open(place, options);
      const { storage } = await manager.replayWal();
      if (storage.lastIndex() !== openCount) throw new Error('the log is not whole');
      await manager.close();
      return [];
    },
  });
  return {
    title: `open a log of ${openCount.toLocaleString('en')} × 1 KB, LevelDB`,
    contenders: [
      opening('every value verified', { verifyOnOpen: true }),
      opening('by keys and records', {}),
    ],
    close: async () => undefined,
  };
}

export interface CompressionFigures {
  readonly payload: string;
  readonly compression: boolean;
  readonly fillMs: number;
  readonly bytesOnDisk: number;
  /** The time to read one random entry that is not in the log's cache. */
  readonly readUs: number;
}

const compressionCount = 20_000;

/** Measures the cost and the gain of compression, for incompressible payloads and for text. */
export async function compressionFigures(
  directory: string,
  onProgress: (done: number, all: number) => void,
): Promise<CompressionFigures[]> {
  const figures: CompressionFigures[] = [];
  const payloads = [
    ['random bytes', incompressible],
    ['JSON text', text],
  ] as const;
  for (const [payload, make] of payloads) {
    for (const compression of [false, true]) {
      const place = `${directory}/compression-${figures.length}`;
      const startedMs = performance.now();
      await fill(place, { compression }, compressionCount, make);
      const fillMs = performance.now() - startedMs;
      const manager = await walBackend.open(place, { compression });
      const { storage } = await manager.replayWal();
      const reads = 20_000;
      const readingMs = performance.now();
      for (let at = 0; at < reads; at += 1) {
        const index = 1 + ((at * 7919) % (compressionCount - 2000));
        storage.entries(index, index + 1, Infinity);
      }
      const readUs = ((performance.now() - readingMs) * 1000) / reads;
      await manager.close();
      const bytesOnDisk = await plainBytes(`${place}/db`);
      figures.push({ payload, compression, fillMs, bytesOnDisk, readUs });
      onProgress(figures.length, 2 * payloads.length);
    }
  }
  return figures;
}

/** Saves entries without syncs and closes, which makes them durable. */
async function fill(
  place: string,
  options: DiskWalOptions,
  count: number,
  make: (index: number) => Uint8Array,
): Promise<void> {
  const manager: WalManager = await walBackend.open(place, options);
  const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
  wal.setUnsafeNoFsync();
  for (let first = 1; first <= count; first += 500) {
    const entries = Array.from({ length: 500 }, (_, at) => ({
      index: first + at,
      term: 1,
      type: 0 as const,
      data: make(first + at),
    }));
    await wal.save({ entries });
  }
  await manager.close();
}

async function openPlain(location: string): Promise<ClassicLevel<Uint8Array, Uint8Array>> {
  const plain = new ClassicLevel<Uint8Array, Uint8Array>(location, {
    ...encodings,
    compression: false,
  });
  await plain.open();
  return plain;
}

/** LevelDB's own estimate of what its tables take. */
async function plainBytes(location: string): Promise<number> {
  const plain = await openPlain(location);
  const bytes = await plain.approximateSize(
    new Uint8Array(0),
    new Uint8Array(32).fill(0xff),
    encodings,
  );
  await plain.close();
  return bytes;
}

function timed(name: string, repeats: number, work: () => Promise<void>): Contender {
  return {
    name,
    run: async () => {
      const latencies: number[] = [];
      for (let at = 0; at < repeats; at += 1) {
        const startedMs = performance.now();
        await work();
        latencies.push(elapsedUs(startedMs));
      }
      return latencies;
    },
  };
}

function plainKey(index: number): Uint8Array {
  const key = new Uint8Array(keyBytes);
  new DataView(key.buffer).setUint32(keyBytes - 4, index);
  return key;
}

/** A kilobyte that no compression makes smaller, the same for the same index. */
function incompressible(index: number): Uint8Array {
  let state = index + 1;
  return new Uint8Array(payloadBytes).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

function text(index: number): Uint8Array {
  const line = `{"operation":"put","key":"user/${index}","value":"name ${index * 31}","revision":${index}}`;
  const bytes = new TextEncoder().encode(line.repeat(Math.ceil(payloadBytes / line.length)));
  return bytes.subarray(0, payloadBytes);
}
