/**
 * Members of a real etcd for tests: their folders, their logs, and servers that are always stopped.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Entry, HardState } from '@babuza/raftpb';
import { EtcdWalManager, type EtcdWalOptions } from '../../src/index.ts';
import {
  decodeEtcdMetadata,
  readWal,
  type EtcdEntry,
  type ReadAllResult,
} from '../../src/inspect.ts';
import { EtcdServer, findEtcd } from './etcd-server.ts';
import { digest } from './working-copy.ts';

/** The servers and folders of one test file. Call it at the top of the file. */
export class Members {
  /** Whether etcd is installed. */
  readonly isPossible: boolean = findEtcd() !== undefined;
  readonly #scratch = mkdtempSync(`${tmpdir()}/babuza-real-etcd-`);
  readonly #running: EtcdServer[] = [];

  constructor() {
    const isMissing = !this.isPossible;
    if (isMissing) console.error('\n*** not run: no etcd (the tests against a real one)\n');
    describe('a real etcd', () => {
      it('is there where it is required', () => {
        const isRequired = process.env['BABUZA_REQUIRE_ETCD'] === '1';
        expect(isRequired && isMissing, 'BABUZA_REQUIRE_ETCD=1, but there is none').toBe(false);
      });
    });
    const killAll = async (): Promise<void> => {
      for (const server of this.#running.splice(0)) await server.kill();
    };
    afterEach(killAll);
    // If a `beforeAll` failed, no test ran.
    afterAll(async () => {
      await killAll();
      rmSync(this.#scratch, { recursive: true });
    });
  }

  /** Returns a folder for the data of a member, which is not created. */
  folder(name: string): string {
    return `${this.#scratch}/${name}`;
  }

  /** Starts a server and waits until it serves requests. It is stopped at the end of the test. */
  async start(dataDir: string, more: readonly string[] = []): Promise<EtcdServer> {
    const server = await EtcdServer.start(dataDir, more);
    this.#running.push(server);
    await server.ready();
    return server;
  }
}

export function walOf(dataDir: string): string {
  return `${dataDir}/member/wal`;
}

export function segmentsOf(dataDir: string): string[] {
  return readdirSync(walOf(dataDir)).filter((name) => name.endsWith('.wal'));
}

/** Makes puts of many sizes, overwrites some, deletes some, and makes some in a transaction. */
export async function load(server: EtcdServer): Promise<void> {
  for (let at = 0; at < 300; at += 1) {
    const bytes = at % 60 === 59 ? 100_000 : 1 + ((at * 37) % 3000);
    await server.put(`key-${at % 210}`, new Uint8Array(bytes).fill(at));
  }
  for (let at = 0; at < 210; at += 10) await server.delete(`key-${at}`);
  await server.putAll([
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ]);
}

function asNumbers({ entries }: Pick<ReadAllResult, 'entries'>): Entry[] {
  return entries.map(({ index, term, type, data }) => {
    if (type !== 0 && type !== 1 && type !== 2) throw new Error(`an entry of type ${type}`);
    return { index: Number(index), term: Number(term), type, data };
  });
}

/** A line for each entry. Comparing their bytes would be slow, and its report unreadable. */
export function linesOf(entries: readonly (Entry | EtcdEntry)[]): string[] {
  return entries.map(({ term, index, type, data }) => {
    const length = data === undefined ? 'nil' : `${data.length} bytes`;
    return `${term}/${index} type ${type}: ${length} ${digest(data ?? new Uint8Array(0))}`;
  });
}

/** The content of a rewritten log. */
export interface Rewritten {
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

/**
 * Writes the log of a server again with `EtcdWalManager` into a new member, in saves of a few
 * entries.
 */
export async function rewrite(
  from: string,
  to: string,
  options: EtcdWalOptions,
  identity?: Uint8Array,
): Promise<Rewritten> {
  const read = await readWal(walOf(from));
  const { nodeId, clusterId } = decodeEtcdMetadata(read.metadata ?? new Uint8Array(0));
  const { vote } = read.hardState;
  const hardState = {
    term: Number(read.hardState.term),
    vote,
    commit: Number(read.hardState.commit),
  };
  const entries = asNumbers(read);
  mkdirSync(`${to}/member`, { recursive: true, mode: 0o700 });
  const manager = new EtcdWalManager(walOf(to), options);
  const { wal } = await manager.createWal({ nodeId, clusterId, identity });
  if (identity !== undefined) await manager.writeIdentity(identity);
  for (let at = 0; at < entries.length; at += 3) {
    const batch = entries.slice(at, at + 3);
    const last = batch.at(-1);
    if (last === undefined) break;
    const commit = Math.min(last.index, hardState.commit);
    await wal.save({ entries: batch, hardState: { term: last.term, vote, commit } });
  }
  await wal.save({ hardState });
  await manager.close();
  return { entries, hardState };
}

/** Reads all entries with `EtcdWalManager`. */
export async function replayed(directory: string): Promise<Entry[]> {
  const manager = new EtcdWalManager(directory);
  const { storage } = await manager.replayWal();
  const entries = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity);
  await manager.close();
  return entries;
}

/**
 * Encodes a request that etcd applies as a put: an `etcdserverpb.InternalRaftRequest` with its
 * header and a `PutRequest`.
 */
export function putRequest(requestId: number, key: string, value: string): Uint8Array {
  const field = (tag: readonly number[], bytes: Uint8Array): Uint8Array => {
    if (bytes.length > 127) throw new Error('lengths of one byte only');
    return Buffer.from([...tag, bytes.length, ...bytes]);
  };
  const put = [field([0x0a], Buffer.from(key)), field([0x12], Buffer.from(value))];
  const header = Uint8Array.of(0x08, requestId);
  return Buffer.concat([field([0x22], Buffer.concat(put)), field([0xa2, 0x06], header)]);
}
