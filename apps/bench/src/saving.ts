/** Saves, from one entry per sync to 64 writers, beside the raw floor. */
import type { Entry } from '@babuza/raftpb';
import type { OpenedWal, WalManager } from '@babuza/wal-core';
import { EtcdWalManager } from '@babuza/wal-etcd';
import { NativeWalManager } from '@babuza/wal-native';
import type { Contender } from './measure.ts';
import { RawFile } from './raw-file.ts';

const payload: Uint8Array = new Uint8Array(1024).map((_, at) => (at * 31) & 0xff);

export interface Work {
  readonly title: string;
  readonly contenders: readonly Contender[];
  close(): Promise<void>;
}

async function openLog(manager: WalManager): Promise<LogWriter> {
  const opened = await manager.createWal({ clusterId: 1, nodeId: 1 });
  return new LogWriter(manager, opened);
}

/** Appends entries one behind the other and purges now and then, as a node with snapshots does. */
class LogWriter {
  readonly #manager: WalManager;
  readonly #opened: OpenedWal;
  #next = 1;
  #sinceCommit = 0;

  constructor(manager: WalManager, opened: OpenedWal) {
    this.#manager = manager;
    this.#opened = opened;
  }

  setUnsafeNoFsync(): void {
    this.#opened.wal.setUnsafeNoFsync();
  }

  save(count: number): Promise<void> {
    const entries: Entry[] = [];
    for (let at = 0; at < count; at += 1) {
      entries.push({ index: this.#next, term: 1, type: 0, data: payload });
      this.#next += 1;
    }
    this.#sinceCommit += count;
    return this.#opened.wal.save({ entries });
  }

  /** Gives space back between rounds. */
  async tidy(): Promise<void> {
    if (this.#sinceCommit === 0) return;
    this.#sinceCommit = 0;
    const commit = this.#next - 1;
    await this.#opened.wal.save({ hardState: { term: 1, vote: 1n, commit } });
    await this.#opened.wal.purge(commit);
  }

  async close(): Promise<void> {
    await this.#manager.close();
  }
}

const elapsedUs = (startedMs: number): number => (performance.now() - startedMs) * 1000;

function rawContender(file: RawFile, count: number, repeats: number, sync: boolean): Contender {
  const bytes = new Uint8Array(count * payload.length);
  return {
    name: 'raw write + fdatasync, blocking',
    run: async () => {
      const latencies: number[] = [];
      for (let at = 0; at < repeats; at += 1) {
        const startedMs = performance.now();
        file.write(bytes);
        if (sync) file.sync();
        latencies.push(elapsedUs(startedMs));
      }
      return latencies;
    },
  };
}

function logContender(name: string, log: LogWriter, count: number, repeats: number): Contender {
  return {
    name,
    run: async () => {
      const latencies: number[] = [];
      for (let at = 0; at < repeats; at += 1) {
        const startedMs = performance.now();
        await log.save(count);
        latencies.push(elapsedUs(startedMs));
      }
      return latencies;
    },
  };
}

/** One save after the other, of so many entries of 1 KB each. */
export async function sequentialSaves(
  directory: string,
  count: number,
  repeats: number,
): Promise<Work> {
  const raw = new RawFile(`${directory}/raw-${count}`);
  const free = await openLog(new NativeWalManager(`${directory}/free-${count}`));
  const inline = await openLog(
    new NativeWalManager(`${directory}/inline-${count}`, { inline: true }),
  );
  const etcd = await openLog(new EtcdWalManager(`${directory}/etcd-${count}`));
  const etcdInline = await openLog(
    new EtcdWalManager(`${directory}/etcd-inline-${count}`, { inline: true }),
  );
  const logs = [free, inline, etcd, etcdInline];
  const contenders = [
    rawContender(raw, count, repeats, true),
    logContender('wal-native, event loop free', free, count, repeats),
    logContender('wal-native, inline', inline, count, repeats),
    logContender('wal-etcd, event loop free', etcd, count, repeats),
    logContender('wal-etcd, inline', etcdInline, count, repeats),
  ];
  return {
    title: `${count} × 1 KB per durable save, one caller`,
    contenders: contenders.map((contender) => tidied(contender, logs)),
    close: async () => {
      raw.close();
      for (const log of logs) await log.close();
    },
  };
}

/** So many callers at once, each of one entry of 1 KB after the other. */
export async function concurrentSaves(
  directory: string,
  writers: number,
  repeats: number,
): Promise<Work> {
  const raw = new RawFile(`${directory}/raw-writers`);
  const native = await openLog(new NativeWalManager(`${directory}/writers`));
  const etcd = await openLog(new EtcdWalManager(`${directory}/etcd-writers`));
  const concurrent = (name: string, log: LogWriter): Contender => ({
    name: `${name}, group commit`,
    run: async () => {
      const latencies: number[] = [];
      const writer = async (): Promise<void> => {
        for (let at = 0; at < repeats; at += 1) {
          const startedMs = performance.now();
          await log.save(1);
          latencies.push(elapsedUs(startedMs));
        }
      };
      await Promise.all(Array.from({ length: writers }, writer));
      return latencies;
    },
  });
  return {
    title: `${writers} writers of 1 × 1 KB each`,
    contenders: [
      { ...rawContender(raw, writers, repeats, true), name: `raw, ${writers} KB at a time` },
      tidied(concurrent('wal-native', native), [native]),
      tidied(concurrent('wal-etcd', etcd), [etcd]),
    ],
    close: async () => {
      raw.close();
      await native.close();
      await etcd.close();
    },
  };
}

/** Batches of 64 entries of 1 KB that are not synced. */
export async function unsyncedSaves(directory: string, repeats: number): Promise<Work> {
  const raw = new RawFile(`${directory}/raw-unsynced`);
  const native = await openLog(new NativeWalManager(`${directory}/unsynced`, { inline: true }));
  const etcd = await openLog(new EtcdWalManager(`${directory}/etcd-unsynced`, { inline: true }));
  native.setUnsafeNoFsync();
  etcd.setUnsafeNoFsync();
  return {
    title: '64 × 1 KB per save without sync',
    contenders: [
      { ...rawContender(raw, 64, repeats, false), name: 'raw write' },
      tidied(logContender('wal-native, inline', native, 64, repeats), [native]),
      tidied(logContender('wal-etcd, inline', etcd, 64, repeats), [etcd]),
    ],
    close: async () => {
      raw.close();
      await native.close();
      await etcd.close();
    },
  };
}

/** Purges before a round: what it costs is not part of the round's latencies. */
function tidied(contender: Contender, logs: readonly LogWriter[]): Contender {
  return {
    name: contender.name,
    run: async () => {
      const latencies = await contender.run();
      for (const log of logs) await log.tidy();
      return latencies;
    },
  };
}
