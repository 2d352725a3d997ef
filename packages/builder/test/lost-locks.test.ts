/**
 * A log that loses its lock, on every durable back end and a real disk: operators change its lock
 * file or its directory while it is open, or the process is stopped for longer than others wait.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EntryType } from '@babuza/raftpb';
import { NodeFileSystem, nodeEnvironment, type DirectoryLock, type Environment } from '@babuza/vfs';
import type { OpenedWal, WalBackend, WalManager } from '@babuza/wal-core';
import { walBackend as etcd } from '@babuza/wal-etcd';
import { walBackend as level } from '@babuza/wal-level-disk';
import { walBackend as native } from '@babuza/wal-native';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lockDirectoryIn } from '../../vfs/src/lock/directory-lock.ts';
import { ownIdentity } from '../../vfs/src/lock/process-identity.ts';
import { RealCluster } from './real-cluster.ts';

/** Short for a test, but long compared with a save on a busy machine. */
const silentMs = 1000;
const timings = { heartbeatMs: 50, silentMs, unreadableMs: 200, pollMs: 5 };

/** A disk whose locks have short timings, as if the process had a PID namespace of its own. */
class QuickLocks extends NodeFileSystem {
  readonly #namespace: string;

  constructor({ clock, random }: Environment, namespace: string) {
    super(clock, random);
    this.#namespace = namespace;
  }

  override async lock(path: string): Promise<DirectoryLock> {
    const { clock, random } = nodeEnvironment();
    const self = { ...(await ownIdentity()), pidNamespace: `pid:[${this.#namespace}]` };
    return lockDirectoryIn(path, { clock, random, self, timings, usesLinks: true });
  }
}

function environment(namespace: string): Environment {
  const { clock, random } = nodeEnvironment();
  return { fileSystem: new QuickLocks(nodeEnvironment(), namespace), clock, random };
}

const backEnds: [name: string, backEnd: WalBackend<{ environment?: Environment }>][] = [
  ['@babuza/wal-native', native],
  ['@babuza/wal-etcd', etcd],
  ['@babuza/wal-level-disk', level],
];

const above: string[] = [];
const closing: WalManager[] = [];

/** A directory for a log in a temporary directory that is removed after the test. */
function newDirectory(): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'babuza-lost-lock-'));
  above.push(path);
  return join(path, 'log');
}

afterEach(async () => {
  for (const manager of closing.splice(0)) await manager.close().catch(() => undefined);
  for (const path of above.splice(0)) fs.rmSync(path, { recursive: true, force: true });
});

/** Appends entries until a save fails. Returns the acknowledged payloads and the error. */
async function write({ wal, storage }: OpenedWal, count: number, who: string) {
  const saved: string[] = [];
  try {
    for (let written = 0; written < count; written += 1) {
      const index = storage.lastIndex() + 1;
      const data = Buffer.from(`${who}${index}`);
      await wal.save({ entries: [{ index, term: 1, type: EntryType.Normal, data }] });
      saved.push(`${who}${index}`);
    }
    return { saved, code: undefined };
  } catch (error) {
    return { saved, code: codeOf(error) };
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : error;
}

describe.each(backEnds)('a log of %s', (name, backEnd) => {
  async function open(directory: string, namespace: string): Promise<WalManager> {
    const manager = await backEnd.open(directory, { environment: environment(namespace) });
    closing.push(manager);
    return manager;
  }

  async function created(directory: string) {
    const manager = await open(directory, '1');
    const opened = await manager.createWal({ clusterId: 1, nodeId: 1 });
    const poisoned: unknown[] = [];
    manager.events.subscribe((event) => {
      if (event.type === 'poisoned') poisoned.push(codeOf(event.error));
    });
    return { manager, opened, poisoned };
  }

  async function payloads(directory: string): Promise<string[]> {
    const manager = await open(directory, '9');
    const { storage } = await manager.replayWal();
    const entries = storage.entries(1, storage.lastIndex() + 1, Infinity);
    await manager.close();
    return entries.map(({ data }) => Buffer.from(data ?? []).toString());
  }

  it('whose lock file is removed acknowledges nothing more, while another owner goes on', async () => {
    const directory = newDirectory();
    const { manager, opened } = await created(directory);
    const before = await write(opened, 20, 'first');
    const writing = write(opened, 100_000, 'first');
    fs.unlinkSync(join(directory, 'LOCK'));
    const first = await writing;
    expect(first.code).toBe('WAL_LOCK_LOST');
    await expect(manager.close()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
    const second = await open(directory, '2');
    const reopened = await second.replayWal();
    const theirs = await write(reopened, 20, 'second');
    expect(theirs.saved).toHaveLength(20);
    await second.close();
    const all = [...before.saved, ...first.saved, ...theirs.saved];
    expect(await payloads(directory)).toEqual(expect.arrayContaining(all));
  });

  it('whose lock file is removed shares its entries with no other owner that opens it at once', async () => {
    const directory = newDirectory();
    const { opened } = await created(directory);
    const before = await write(opened, 20, 'first');
    fs.unlinkSync(join(directory, 'LOCK'));
    // The owner checks its lock file at most once per millisecond.
    await nodeEnvironment().clock.sleep(2);
    const writing = write(opened, 100_000, 'first');
    const second = await open(directory, '2');
    const theirs = await second.replayWal().then(
      (reopened) => write(reopened, 20, 'second'),
      // LevelDB's own lock shows that the first owner is still there.
      (error: unknown) => ({ saved: [], code: codeOf(error) }),
    );
    const first = await writing;
    expect(first.code).toBe('WAL_LOCK_LOST');
    expect([undefined, 'WAL_LOCKED']).toContain(theirs.code);
    for (const manager of closing.splice(0)) await manager.close().catch(() => undefined);
    const found = await payloads(directory);
    expect(found).toEqual(
      expect.arrayContaining([...before.saved, ...first.saved, ...theirs.saved]),
    );
  });

  it.each<[string, (directory: string) => void]>([
    ['its lock file is removed', (directory) => fs.unlinkSync(join(directory, 'LOCK'))],
    ['its directory is renamed', (directory) => fs.renameSync(directory, `${directory}-old`)],
    ['its directory is removed', (directory) => fs.rmSync(directory, { recursive: true })],
    [
      'its directory is replaced',
      (directory) => {
        fs.renameSync(directory, `${directory}-old`);
        fs.cpSync(`${directory}-old`, directory, { recursive: true });
      },
    ],
  ])('that is idle is told when %s', async (_, lose) => {
    const directory = newDirectory();
    const { manager, opened, poisoned } = await created(directory);
    await write(opened, 3, 'first');
    lose(directory);
    await vi.waitFor(() => expect(poisoned).toEqual(['WAL_LOCK_LOST']), 10_000);
    expect(opened.storage.lastIndex()).toBe(3);
    expect(await write(opened, 1, 'first')).toEqual({ saved: [], code: 'WAL_LOCK_LOST' });
    await expect(manager.close()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
  });

  it('whose lock is wanted early is locked where it is, and not made where it is not', async () => {
    const directory = newDirectory();
    const first = await open(directory, '1');
    await first.takeLock?.();
    expect(fs.existsSync(directory)).toBe(false);
    await first.createWal({ clusterId: 1, nodeId: 1 });
    await first.close();
    const second = await open(directory, '1');
    await second.takeLock?.();
    const third = await open(directory, '1');
    await expect(third.takeLock?.()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await expect(third.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await third.close();
    await second.replayWal();
    await second.close();
    expect(fs.existsSync(join(directory, 'LOCK'))).toBe(false);
  });

  it('whose process is stopped goes on when nobody has taken over, and ends when somebody has', async () => {
    const directory = newDirectory();
    const script = fileURLToPath(new URL('./lost-locks-child.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, name, directory, String(silentMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const exited = new Promise((resolve) => child.on('close', resolve));
    const savedMax = (): number =>
      Number(
        output
          .match(/saved (\d+)\n/g)
          ?.at(-1)
          ?.slice(6) ?? 0,
      );
    const { clock } = nodeEnvironment();
    try {
      await vi.waitFor(() => expect(savedMax()).toBeGreaterThan(20), 20_000);
      child.kill('SIGSTOP');
      // Longer than the lock stays valid.
      await clock.sleep(silentMs);
      const saved = savedMax();
      child.kill('SIGCONT');
      await vi.waitFor(() => expect(savedMax()).toBeGreaterThan(saved + 20), 20_000);
      child.kill('SIGSTOP');
      const second = await open(directory, '2');
      const theirs = await second.replayWal().then(
        (reopened) => write(reopened, 20, 'second'),
        (error: unknown) => ({ saved: [], code: codeOf(error) }),
      );
      // LevelDB's own lock belongs to the kernel, which knows that the first owner is still there.
      expect(theirs.code).toBe(backEnd === level ? 'WAL_LOCKED' : undefined);
      if (theirs.code !== undefined) await second.close();
      child.kill('SIGCONT');
      await exited;
      expect(output).toMatch(/ended WAL_LOCK_LOST\n$/);
      await second.close();
      const first = Array.from({ length: savedMax() }, (__, at) => `first${at + 1}`);
      expect(await payloads(directory)).toEqual(
        expect.arrayContaining([...first, ...theirs.saved]),
      );
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });
});

it('a log on LevelDB is kept by the lock of its directory where LevelDB has lost its own', async () => {
  const directory = newDirectory();
  const manager = await level.open(directory);
  closing.push(manager);
  const opened = await manager.createWal({ clusterId: 1, nodeId: 1 });
  fs.unlinkSync(join(directory, 'db', 'LOCK'));
  const second = await level.open(directory);
  await expect(second.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
  await second.close();
  expect((await write(opened, 3, 'first')).saved).toHaveLength(3);
  await manager.close();
});

describe.each(['wal', 'snap'])('a node of a cluster whose %s is renamed', (which) => {
  it('stops within two heartbeats, idle as it is, says why, and the others go on', async () => {
    const cluster = new RealCluster(() => 'babuza-wal');
    try {
      await Promise.all([1n, 2n, 3n].map((id) => cluster.start(id)));
      await cluster.put('before', 8);
      const { raft } = cluster.node(3n);
      const stopped = new Promise<unknown>((resolve) => {
        raft.subscribe((event) => {
          if (event.type === 'stopped') resolve(event.cause);
        });
      });
      const directory = join(await cluster.directoryOf(3n), which);
      fs.renameSync(directory, `${directory}-old`);
      const code = which === 'wal' ? 'WAL_LOCK_LOST' : 'SNAPSHOT_LOCK_LOST';
      expect(await stopped).toMatchObject({ code });
      expect(() => raft.status()).toThrow(expect.objectContaining({ code: 'RAFT_STOPPED' }));
      cluster.nodes.delete(3n);
      await cluster.put('after', 8);
    } finally {
      await cluster.close();
    }
  });
});
