/**
 * Against a real etcd: it starts on what this package wrote, and what it wrote is read here. Needs the program
 * `etcd` (Debian: etcd-server); `BABUZA_REQUIRE_ETCD=1` makes its absence a failure.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import { EtcdWalManager, type EtcdWalOptions } from '../src/index.ts';
import {
  decodeEtcdMetadata,
  findSnapshots,
  readWal,
  verify,
  type ReadAllResult,
} from '../src/inspect.ts';
import { linesOf } from './support/entry-lines.ts';
import { EtcdServer, findEtcd, type KeyValue } from './support/etcd-server.ts';

const program = findEtcd();
const required = process.env['BABUZA_REQUIRE_ETCD'] === '1';
if (program === undefined) console.log('not run: no etcd (the tests against a real one)');

const scratch = mkdtempSync(`${tmpdir()}/babuza-real-etcd-`);
const running: EtcdServer[] = [];

async function start(dataDir: string, more: readonly string[] = []): Promise<EtcdServer> {
  const server = await EtcdServer.start(program ?? '', dataDir, more);
  running.push(server);
  return server;
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.kill();
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Puts of many sizes, some overwritten, some deleted, some in transactions. */
async function load(server: EtcdServer): Promise<void> {
  for (let at = 0; at < 150; at += 1) {
    const bytes = at % 30 === 29 ? 100_000 : 1 + ((at * 37) % 900);
    await server.put(`key-${at % 110}`, new Uint8Array(bytes).fill(at));
  }
  for (let at = 0; at < 110; at += 10) await server.delete(`key-${at}`);
  await server.putAll([
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ]);
}

function memberWal(dataDir: string): string {
  return `${dataDir}/member/wal`;
}

function asNumbers({ entries }: ReadAllResult): Entry[] {
  return entries.map(({ index, term, type, data }) => {
    if (type !== 0 && type !== 1 && type !== 2) throw new Error(`an entry of type ${type}`);
    return { index: Number(index), term: Number(term), type, data };
  });
}

/** The log of a server, written anew through the contract, in saves of a few entries. */
async function rewrite(from: string, to: string, options: EtcdWalOptions): Promise<Entry[]> {
  const read = await readWal(from);
  const { nodeId, clusterId } = decodeEtcdMetadata(read.metadata ?? new Uint8Array(0));
  const entries = asNumbers(read);
  mkdirSync(`${to}/member`, { recursive: true, mode: 0o700 });
  const manager = new EtcdWalManager(memberWal(to), options);
  const { wal } = await manager.createWal({ nodeId, clusterId });
  const { term, vote, commit } = read.hardState;
  for (let at = 0; at < entries.length; at += 3) {
    const batch = entries.slice(at, at + 3);
    const last = batch.at(-1);
    if (last === undefined) break;
    const hardState = { term: last.term, vote, commit: Math.min(last.index, Number(commit)) };
    await wal.save({ entries: batch, hardState });
  }
  await wal.save({ hardState: { term: Number(term), vote, commit: Number(commit) } });
  await manager.close();
  return entries;
}

async function replayed(directory: string): Promise<Entry[]> {
  const manager = new EtcdWalManager(directory);
  const { storage } = await manager.replayWal();
  const entries = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity);
  await manager.close();
  return entries;
}

describe('a real etcd', () => {
  it('is there where it is required', () => {
    expect(required && program === undefined, 'BABUZA_REQUIRE_ETCD=1, but there is none').toBe(
      false,
    );
  });
});

describe.runIf(program !== undefined)('a real etcd and a log that was written here', () => {
  const original = `${scratch}/original`;
  let keys: KeyValue[] = [];
  let hash = 0;

  beforeAll(async () => {
    const server = await start(original);
    await load(server);
    keys = await server.everything();
    hash = await server.hashKv();
    await server.stop();
  });

  const forms: readonly (readonly [string, EtcdWalOptions])[] = [
    ['segments of 64 MB, the metadata of a server', { metadata: 'etcd' }],
    ['many small segments', { metadata: 'etcd', segmentBytes: 16 * 1024 }],
    ['metadata with the fields of this project', { segmentBytes: 1024 * 1024 }],
  ];
  for (const [at, [name, options]] of forms.entries()) {
    it(`serves the same keys with the same hash: ${name}`, async () => {
      const ours = `${scratch}/ours-${at}`;
      const written = await rewrite(memberWal(original), ours, options);
      const segments = readdirSync(memberWal(ours)).filter((file) => file.endsWith('.wal'));
      if (options.segmentBytes === 16 * 1024) expect(segments.length).toBeGreaterThan(5);
      const server = await start(ours);
      expect(await server.everything()).toEqual(keys);
      expect(await server.hashKv()).toBe(hash);
      await server.put('from-etcd', 'on our log');
      await server.stop();
      // It went on in our last segment: all of ours is there, and what it added.
      const entries = await replayed(memberWal(ours));
      expect(linesOf(entries.slice(0, written.length))).toEqual(linesOf(written));
      expect(entries.length).toBeGreaterThan(written.length);
      const added = entries.slice(written.length).map(({ data }) => Buffer.from(data ?? []));
      expect(added.some((data) => data.includes('from-etcd'))).toBe(true);
    });
  }
});

describe.runIf(program !== undefined)('the log of a real etcd', () => {
  it('that was killed under load is replayed to the same entries, with all that it acknowledged', async () => {
    const dataDir = `${scratch}/killed`;
    const server = await start(dataDir);
    const acknowledged: string[] = [];
    const client = async (name: number): Promise<void> => {
      for (let at = 0; ; at += 1) {
        const key = `client-${name}-${at}`;
        try {
          await server.put(key, new Uint8Array(1 + ((at * 131) % 3000)).fill(name));
          acknowledged.push(key);
        } catch {
          // It was killed.
          return;
        }
      }
    };
    const clients = Array.from({ length: 8 }, (_, name) => client(name));
    while (acknowledged.length < 300) await new Promise((resolve) => setTimeout(resolve, 10));
    await server.kill();
    await Promise.all(clients);
    const copy = `${scratch}/killed-copy`;
    cpSync(memberWal(dataDir), copy, { recursive: true });
    const read = await readWal(copy);
    const entries = await replayed(copy);
    expect(linesOf(entries)).toEqual(linesOf(read.entries));
    const text = Buffer.concat(entries.map(({ data }) => data ?? new Uint8Array(0)));
    expect(acknowledged.filter((key) => !text.includes(key))).toEqual([]);
    console.log(
      `an etcd killed under load: ${acknowledged.length} puts acknowledged, ${entries.length} entries, the same by both readers`,
    );
    const again = await start(dataDir);
    const keys = new Set((await again.everything()).map(({ key }) => key));
    const lost = acknowledged.filter((key) => !keys.has(Buffer.from(key).toString('base64')));
    expect(lost).toEqual([]);
  });

  it('that is running is not opened, and can be looked at', async () => {
    const dataDir = `${scratch}/running`;
    const server = await start(dataDir);
    await server.put('k', 'v');
    const directory = memberWal(dataDir);
    const segment = `${directory}/0000000000000000-0000000000000000.wal`;
    const before = readFileSync(segment);
    const manager = new EtcdWalManager(directory);
    await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await manager.close();
    const { entries } = await readWal(directory);
    expect(entries.length).toBeGreaterThan(1);
    expect(await verify(directory)).toMatchObject({ term: 2n });
    expect(readFileSync(segment).equals(before)).toBe(true);
    await server.put('k', 'still served');
  });

  it('with snapshots is opened at the newest, and lists those that etcd could start from', async () => {
    const dataDir = `${scratch}/snapshots`;
    const server = await start(dataDir, ['--snapshot-count', '50']);
    for (let at = 0; at < 230; at += 1) await server.put(`key-${at % 40}`, `value ${at}`);
    await server.stop();
    const directory = memberWal(dataDir);
    const listed = (await findSnapshots(directory)).filter(({ index }) => index > 0n);
    expect(listed.length).toBeGreaterThan(2);
    const manager = new EtcdWalManager(directory);
    const { storage, snapshots } = await manager.replayWal();
    expect(
      snapshots.map(({ index, term }) => ({ index: BigInt(index), term: BigInt(term) })),
    ).toEqual(listed.map(({ index, term }) => ({ index, term })));
    expect(storage.snapshot().metadata.index).toBe(snapshots.at(-1)?.index);
    expect(storage.firstIndex()).toBe(1);
    const entries = storage.entries(1, storage.lastIndex() + 1, Infinity);
    expect(linesOf(entries)).toEqual(linesOf((await readWal(directory)).entries));
    await manager.close();
  });
});
