/**
 * Tests with a real etcd: it starts on logs of this package, and its logs are read here. They need
 * the programs `etcd` and `etcdctl` (Debian: etcd-server and etcd-client). With
 * `BABUZA_REQUIRE_ETCD=1` their absence is a failure.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { EtcdWalManager, type EtcdWalOptions } from '../src/index.ts';
import { findSnapshots, readWal, verify } from '../src/inspect.ts';
import type { KeyValue } from './support/etcd-server.ts';
import { linesOf, load, Members, replayed, rewrite, segmentsOf, walOf } from './support/member.ts';

const members = new Members();

describe.runIf(members.isPossible)('a real etcd and a log that was written here', () => {
  const original = members.folder('original');
  let keys: KeyValue[] = [];
  let hash = 0;

  beforeAll(async () => {
    const server = await members.start(original);
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
      const ours = members.folder(`ours-${at}`);
      const { entries: written } = await rewrite(original, ours, options);
      if (options.segmentBytes === 16 * 1024) {
        expect(segmentsOf(ours).length).toBeGreaterThan(20);
      }
      const server = await members.start(ours);
      expect(await server.everything()).toEqual(keys);
      expect(await server.hashKv()).toBe(hash);
      await server.put('from-etcd', 'on our log');
      await server.stop();
      // etcd has continued in the last segment: all earlier entries are there, and its own after
      // them.
      const entries = await replayed(walOf(ours));
      expect(linesOf(entries.slice(0, written.length))).toEqual(linesOf(written));
      expect(entries.length).toBeGreaterThan(written.length);
      const added = entries.slice(written.length).map(({ data }) => Buffer.from(data ?? []));
      expect(added.some((data) => data.includes('from-etcd'))).toBe(true);
    });
  }
});

describe.runIf(members.isPossible)('a real etcd and a log with an identity', () => {
  it('serves the same keys with the same hash, continues the log, and leaves the identity', async () => {
    const original = members.folder('before-identity');
    const first = await members.start(original);
    await load(first);
    const keys = await first.everything();
    const hash = await first.hashKv();
    await first.stop();
    const identity = new Uint8Array(128).fill(0xe7);
    for (const [at, options] of [{}, { segmentBytes: 16 * 1024 }].entries()) {
      const ours = members.folder(`identity-${at}`);
      await rewrite(original, ours, options, identity);
      expect(readdirSync(walOf(ours))).toContain('IDENTITY');
      // Two rounds: etcd must also start on the log that it has continued.
      for (const key of ['one', 'two']) {
        const server = await members.start(ours);
        if (key === 'one') expect(await server.everything()).toEqual(keys);
        if (key === 'one') expect(await server.hashKv()).toBe(hash);
        await server.put(key, 'on our log');
        await server.stop();
      }
      const manager = new EtcdWalManager(walOf(ours));
      const { metadata } = await manager.replayWal();
      expect(metadata.identity).toEqual(identity);
      expect(await manager.readIdentity()).toEqual(identity);
      await manager.close();
    }
  });

  it('starts on its own log after an identity record was written beside it', async () => {
    const folder = members.folder('adopted');
    const server = await members.start(folder);
    await server.put('before', '1');
    await server.stop();
    const manager = new EtcdWalManager(walOf(folder));
    expect((await manager.replayWal()).metadata.identity).toBe(undefined);
    expect(await manager.readIdentity()).toBe(undefined);
    await manager.writeIdentity(Uint8Array.of(1, 2, 3));
    await manager.close();
    const again = await members.start(folder);
    await again.put('after', '2');
    expect((await again.everything()).length).toBe(2);
    await again.stop();
    const last = new EtcdWalManager(walOf(folder));
    await last.replayWal();
    expect(await last.readIdentity()).toEqual(Uint8Array.of(1, 2, 3));
    await last.close();
  });
});

describe.runIf(members.isPossible)('docs/etcd-wal.md', () => {
  it('has programs that read and copy the log of a server, as printed', async () => {
    const page = readFileSync(new URL('../../../docs/etcd-wal.md', import.meta.url), 'utf8');
    const programs = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((block) => block[1] ?? '');
    expect(programs).toHaveLength(2);
    const original = members.folder('documented');
    const copy = members.folder('documented-copy');
    const server = await members.start(original, ['--snapshot-count=100']);
    for (let at = 0; at < 120; at += 1) await server.put(`key-${at % 50}`, `value ${at}`);
    const hash = await server.hashKv();
    await server.stop();
    const said: string[] = [];
    for (const [at, program] of programs.entries()) {
      // The program runs in the package, so that the package's own name resolves to the build.
      const file = new URL(`../dist/etcd-wal-page-${at}.mjs`, import.meta.url);
      const here = program.replaceAll('/var/lib/etcd', original).replaceAll('/tmp/etcd-copy', copy);
      writeFileSync(file, here);
      try {
        said.push(execFileSync(process.execPath, [file.pathname], { encoding: 'utf8' }));
      } finally {
        rmSync(file);
      }
    }
    expect(said[0]).toMatch(/nodeId: \d+n[\s\S]*a start is possible from index 1\d\d of term 2/);
    const again = await members.start(copy);
    expect(await again.hashKv()).toBe(hash);
  });
});

describe.runIf(members.isPossible)('the log of a real etcd', () => {
  it('that was killed under load has the same entries here, with all acknowledged ones', async () => {
    const dataDir = members.folder('killed');
    const server = await members.start(dataDir);
    const acknowledged: string[] = [];
    const client = async (name: number): Promise<void> => {
      for (let at = 0; ; at += 1) {
        const key = `client-${name}-${at}`;
        try {
          await server.put(key, new Uint8Array(1 + ((at * 131) % 3000)).fill(name));
          acknowledged.push(key);
        } catch {
          // etcd was killed.
          return;
        }
      }
    };
    const clients = Array.from({ length: 8 }, (_, name) => client(name));
    while (acknowledged.length < 300) await new Promise((resolve) => setTimeout(resolve, 10));
    await server.kill();
    await Promise.all(clients);
    const copy = members.folder('killed-copy');
    cpSync(walOf(dataDir), copy, { recursive: true });
    const read = await readWal(copy);
    const entries = await replayed(copy);
    expect(linesOf(entries)).toEqual(linesOf(read.entries));
    const text = Buffer.concat(entries.map(({ data }) => data ?? new Uint8Array(0)));
    expect(acknowledged.filter((key) => !text.includes(key))).toEqual([]);
    console.log(
      `an etcd killed under load: ${acknowledged.length} puts acknowledged, ${entries.length} entries, the same by both readers`,
    );
    const again = await members.start(dataDir);
    const keys = new Set((await again.everything()).map(({ key }) => key));
    const lost = acknowledged.filter((key) => !keys.has(Buffer.from(key).toString('base64')));
    expect(lost).toEqual([]);
  });

  it('that is running is not opened, but can be inspected', async () => {
    const dataDir = members.folder('running');
    const server = await members.start(dataDir);
    await server.put('k', 'v');
    const directory = walOf(dataDir);
    const contents = (): string[] =>
      readdirSync(directory).map((name) => {
        const bytes = readFileSync(`${directory}/${name}`);
        return `${name} ${bytes.length} ${Buffer.from(bytes.subarray(0, 64 * 1024)).toString('hex')}`;
      });
    const before = contents();
    const manager = new EtcdWalManager(directory);
    await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await manager.close();
    const { entries } = await readWal(directory);
    expect(entries.length).toBeGreaterThan(1);
    expect(await verify(directory)).toMatchObject({ term: 2n });
    expect(contents()).toEqual(before);
    await server.put('k', 'still served');
  });

  it('with snapshots is opened at the newest one, and lists those that etcd could start from', async () => {
    const dataDir = members.folder('snapshots');
    const server = await members.start(dataDir, ['--snapshot-count=50']);
    for (let at = 0; at < 230; at += 1) await server.put(`key-${at % 40}`, `value ${at}`);
    await server.stop();
    const directory = walOf(dataDir);
    const listed = (await findSnapshots(directory)).filter(({ index }) => index > 0n);
    expect(listed.length).toBeGreaterThan(2);
    const manager = new EtcdWalManager(directory);
    expect(await manager.findSnapshots()).toHaveLength(listed.length);
    const { storage, snapshots } = await manager.replayWal();
    expect(
      snapshots.map(({ index, term }) => ({ index: BigInt(index), term: BigInt(term) })),
    ).toEqual(listed.map(({ index, term }) => ({ index, term })));
    const { index, term } = storage.snapshot().metadata;
    expect(index).toBe(snapshots.at(-1)?.index);
    // Entries that the snapshot covers can be read until they are purged.
    expect(storage.firstIndex()).toBe(1);
    const end = storage.lastIndex() + 1;
    const all = await readWal(directory);
    expect(linesOf(storage.entries(1, end, Infinity))).toEqual(linesOf(all.entries));
    const atSnapshot = { index: BigInt(index), term: BigInt(term) };
    const behind = await readWal(directory, atSnapshot);
    expect(linesOf(storage.entries(index + 1, end, Infinity))).toEqual(linesOf(behind.entries));
    await manager.close();
  });
});
