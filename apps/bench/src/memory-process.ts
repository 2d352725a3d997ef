/**
 * A fresh process that fills a log with 100,000 entries and says what its memory grew by. The load
 * uses its payload buffers again, so that the growth is the log's. Arguments: the back end,
 * directory, payload bytes.
 */
import { readFileSync } from 'node:fs';
import type { Entry } from '@babuza/raftpb';
import { EtcdWalManager } from '@babuza/wal-etcd';
import { NativeWalManager } from '@babuza/wal-native';

export interface MemoryFigures {
  readonly payloadBytes: number;
  readonly entries: number;
  /** The typed arrays of the index, as the log counts them. */
  readonly indexBytes: number;
  readonly cacheBytes: number;
  /** Growth of the JavaScript heap and of array buffers, after a garbage collection. */
  readonly javaScriptBytes: number;
  /**
   * The same without the log's cache, buffers and index: what the log itself does not account for.
   */
  readonly anonymousRssBytes: number;
}

const entries = 100_000;
const perSave = 100;

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  for (let times = 0; times < 3; times += 1) globalThis.gc();
}

function javaScriptBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Anonymous memory of the process; 0 where the platform does not tell. */
function anonymousRssBytes(): number {
  try {
    const match = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function main(log: string, directory: string, payloadBytes: number): Promise<void> {
  const payloads = Array.from({ length: perSave }, (_, at) =>
    new Uint8Array(payloadBytes).fill(at),
  );
  const manager =
    log === 'wal-etcd' ? new EtcdWalManager(directory) : new NativeWalManager(directory);
  const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
  wal.setUnsafeNoFsync();
  const save = async (first: number): Promise<void> => {
    const batch: Entry[] = payloads.map((data, at) => ({
      index: first + at,
      term: 1,
      type: 0,
      data,
    }));
    await wal.save({ entries: batch });
  };
  // One save before the first measurement: code that is compiled is not the log's memory.
  await save(1);
  const before = { javaScript: javaScriptBytes(), rss: anonymousRssBytes() };
  for (let first = 1 + perSave; first <= entries; first += perSave) await save(first);
  const figures: MemoryFigures = {
    payloadBytes,
    entries,
    indexBytes: wal.stats.indexBytes,
    cacheBytes: wal.stats.cacheBytes,
    javaScriptBytes: javaScriptBytes() - before.javaScript,
    anonymousRssBytes: anonymousRssBytes() - before.rss,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await manager.close();
}

await main(process.argv[2] ?? '', process.argv[3] ?? '', Number(process.argv[4]));
