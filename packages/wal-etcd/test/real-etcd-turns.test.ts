/**
 * A real etcd and `EtcdWalManager` take turns on one log: each must see what the other one drops,
 * cuts, purges and appends. The tests have the requirements of `real-etcd.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, openSync, readFileSync, writeSync, closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import { EtcdWalManager } from '../src/index.ts';
import { readWal } from '../src/inspect.ts';
import { etcdProgram, type EtcdServer } from './support/etcd-server.ts';
import {
  linesOf,
  load,
  Members,
  putRequest,
  replayed,
  rewrite,
  segmentsOf,
  walOf,
} from './support/member.ts';
import { recordsIn } from './support/records.ts';

const members = new Members();

async function has(server: EtcdServer, key: string): Promise<boolean> {
  const wanted = Buffer.from(key).toString('base64');
  return (await server.everything()).some((each) => each.key === wanted);
}

describe.runIf(members.isPossible)('a real etcd and EtcdWalManager take turns', () => {
  const original = members.folder('original');
  const smallSegments = { metadata: 'etcd', segmentBytes: 16 * 1024 } as const;
  const segments = { metadata: 'etcd', segmentBytes: 1024 * 1024 } as const;

  beforeAll(async () => {
    const server = await members.start(original);
    await load(server);
    await server.stop();
  });

  it('entries that discardUncommitted drops are gone for etcd', async () => {
    const kept = members.folder('uncommitted');
    const { entries } = await rewrite(original, kept, segments);
    const manager = new EtcdWalManager(walOf(kept));
    const { wal, hardState } = await manager.replayWal();
    const { term, commit } = hardState;
    const added: Entry[] = ['first-unsure', 'second-unsure'].map((key, at) => ({
      index: entries.length + 1 + at,
      term,
      type: 0,
      data: putRequest(1 + at, key, 'x'),
    }));
    await wal.save({ entries: added });
    await manager.close();
    const dropped = members.folder('discarded');
    cpSync(kept, dropped, { recursive: true });
    const again = new EtcdWalManager(walOf(dropped));
    const { storage } = await again.replayWal({ discardUncommitted: true });
    expect(storage.lastIndex()).toBe(commit);
    await again.close();

    // An election commits the entries above the commit index.
    const withThem = await members.start(kept);
    expect(await has(withThem, 'second-unsure')).toBe(true);
    await withThem.stop();
    const without = await members.start(dropped);
    expect(await has(without, 'first-unsure')).toBe(false);
    expect(await has(without, 'key-1')).toBe(true);
  });

  it('a torn end is cut by both at the same offset', async () => {
    const theirs = members.folder('torn');
    const { entries } = await rewrite(original, theirs, segments);
    // A record of several sectors, one of which was never written.
    const last = entries.length + 1;
    const term = entries.at(-1)?.term ?? 0;
    const manager = new EtcdWalManager(walOf(theirs));
    const { wal } = await manager.replayWal();
    const data = Buffer.concat([putRequest(1, 'torn', 'x'), Buffer.alloc(4096, 1)]);
    await wal.save({ entries: [{ index: last, term, type: 0, data }] });
    await manager.close();
    const segment = `${walOf(theirs)}/${segmentsOf(theirs).at(-1)}`;
    const record = recordsIn(readFileSync(segment)).findLast(({ type }) => type === 2);
    const sector = Math.ceil((record?.dataStart ?? 0) / 512) * 512;
    const file = openSync(segment, 'r+');
    writeSync(file, Buffer.alloc(512), 0, 512, sector);
    closeSync(file);
    const copy = members.folder('torn-copy');
    cpSync(walOf(theirs), copy, { recursive: true });

    // A torn tail is not an uncertain one, so the log is opened.
    const ours = new EtcdWalManager(copy, { uncertainTail: 'refuse' });
    const { tail, storage } = await ours.replayWal();
    expect(tail).toMatchObject({ verdict: 'torn', offset: record?.offset, firstIndex: last });
    expect(storage.lastIndex()).toBe(last - 1);
    await ours.close();
    const server = await members.start(theirs);
    expect(server.output).toContain('repaired');
    expect(await has(server, 'key-1')).toBe(true);
    await server.stop();
    const broken = `${segment}.broken`;
    expect(readFileSync(broken).equals(readFileSync(broken.replace(walOf(theirs), copy)))).toBe(
      true,
    );
    const theirEntries = await replayed(walOf(theirs));
    expect(linesOf(theirEntries.slice(0, last - 1))).toEqual(linesOf(entries));
    // The first entry of the new leader has no data.
    expect(theirEntries.at(last - 1)).toMatchObject({ index: last, type: 0, data: undefined });
  });

  it('a log that etcd purged can be opened, and etcd serves it after appends and a purge', async () => {
    const dataDir = members.folder('purged');
    await rewrite(original, dataDir, smallSegments);
    const snapshotting = await members.start(dataDir, ['--snapshot-count=50']);
    for (let at = 0; at < 60; at += 1) await snapshotting.put(`more-${at}`, 'x');
    await snapshotting.stop();
    const before = segmentsOf(dataDir).length;
    // etcd starts at its newest snapshot and removes the earlier segments at once.
    const purging = await members.start(dataDir, ['--max-wals=1']);
    for (let wait = 0; wait < 600 && segmentsOf(dataDir).length === before; wait += 1)
      await sleep(50);
    await purging.put('after-the-purge', 'x');
    await purging.stop();
    expect(segmentsOf(dataDir).length).toBeLessThan(before);
    await expect(readWal(walOf(dataDir))).rejects.toMatchObject({ code: 'WAL_NOT_FOUND' });

    const manager = new EtcdWalManager(walOf(dataDir));
    const { storage, wal, snapshots, hardState } = await manager.replayWal();
    const newest = snapshots.at(-1);
    if (newest === undefined) throw new Error('no snapshot');
    expect(storage.firstIndex()).toBeGreaterThan(1);
    const position = { index: BigInt(newest.index), term: BigInt(newest.term) };
    const read = await readWal(walOf(dataDir), position);
    const end = storage.lastIndex() + 1;
    expect(linesOf(storage.entries(newest.index + 1, end, Infinity))).toEqual(
      linesOf(read.entries),
    );
    const { term, vote } = hardState;
    const entry: Entry = {
      index: end,
      term,
      type: 0,
      data: putRequest(9, 'from-us', 'on its log'),
    };
    await wal.save({ entries: [entry], hardState: { term, vote, commit: end } });
    await wal.purge(newest.index);
    await manager.close();

    const server = await members.start(dataDir);
    expect(await has(server, 'from-us')).toBe(true);
    expect(await has(server, 'after-the-purge')).toBe(true);
  });

  it('snapshot markers without snapshot files do no harm, and etcd’s tools read the log', async () => {
    const dataDir = members.folder('markers');
    const { entries, hardState } = await rewrite(original, dataDir, smallSegments);
    const manager = new EtcdWalManager(walOf(dataDir));
    const { wal } = await manager.replayWal();
    const marked = entries.at(100);
    if (marked === undefined) throw new Error('too few entries');
    const confState = {
      voters: [hardState.vote],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    await wal.saveSnapshot({ index: marked.index, term: marked.term, confState });
    await manager.close();

    mkdirSync(`${dataDir}/member/snap`, { mode: 0o700 });
    const backup = members.folder('backup');
    execFileSync(
      etcdProgram('etcdctl'),
      ['backup', '--data-dir', dataDir, '--backup-dir', backup],
      { env: { ...process.env, ETCDCTL_API: '2' }, stdio: 'pipe' },
    );
    const copied = await readWal(walOf(backup));
    // etcdctl keeps only entries that are neither changes of members nor requests of the v3
    // interface, which is almost nothing.
    expect(copied.entries.some(({ data }) => Buffer.from(data ?? []).includes('/0/version'))).toBe(
      true,
    );
    expect(linesOf(await replayed(walOf(backup)))).toEqual(linesOf(copied.entries));
    const migrated = members.folder('migrated');
    cpSync(dataDir, migrated, { recursive: true });
    const said = execFileSync(etcdProgram('etcdctl'), ['migrate', '--data-dir', migrated], {
      env: { ...process.env, ETCDCTL_API: '3' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // etcdctl has read the whole log, which only has keys of the v3 interface.
    expect(said).toContain('no v2 keys to migrate');

    const server = await members.start(dataDir);
    expect(await has(server, 'key-1')).toBe(true);
    expect(await has(server, 'b')).toBe(true);
  });
});
