import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { NodeClock, NodeRandom, nodeEnvironment } from '../src/index.ts';
import { lockDirectoryIn } from '../src/lock/directory-lock.ts';
import type { LockWorld } from '../src/lock/directory-lock.ts';
import { decodeRecord, encodeRecord } from '../src/lock/lock-record.ts';
import { ownIdentity } from '../src/lock/process-identity.ts';
import type { ProcessIdentity } from '../src/lock/process-identity.ts';
import { startContender, temporaryDirectory } from './helpers.ts';

const { fileSystem } = nodeEnvironment();
const isLinux = process.platform === 'linux';

async function world(changes: Partial<LockWorld> = {}): Promise<LockWorld> {
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    self: await ownIdentity(),
    timings: { heartbeatMs: 20, silentMs: 200, unreadableMs: 100, pollMs: 5 },
    usesLinks: true,
    ...changes,
  };
}

/** Writes the lock file of an owner that differs from this process. */
async function leaveLock(directory: string, changes: Partial<ProcessIdentity>): Promise<void> {
  const owner = { ...(await ownIdentity()), ...changes };
  const record = { token: 'ab'.repeat(16), owner, since: '2024-01-01T00:00:00.000Z' };
  fs.writeFileSync(join(directory, 'LOCK'), encodeRecord(record));
}

async function timed(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

describe('lock of a directory', () => {
  it('excludes a second lock in the same process, names its holder, and can be released', async () => {
    const directory = temporaryDirectory();
    const lock = await fileSystem.lock(directory);
    await expect(fileSystem.lock(directory)).rejects.toMatchObject({
      kind: 'locked',
      operation: 'lock',
      message: expect.stringContaining(`held by process ${process.pid}`),
    });
    await lock.release();
    await lock.release();
    expect(fs.readdirSync(directory)).toEqual([]);
    await (await fileSystem.lock(directory)).release();
  });

  it('is taken by exactly one of many that try at once', async () => {
    const directory = temporaryDirectory();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => fileSystem.lock(directory)),
    );
    const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.release();
  });

  it('is refused while another process is alive, and taken over after it was killed', async () => {
    const directory = temporaryDirectory();
    const holder = startContender(directory, 'holder', 'hold');
    await holder.said('held');
    await expect(fileSystem.lock(directory)).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining(`held by process ${holder.process.pid}`),
    });
    holder.process.kill('SIGKILL');
    await holder.exited;
    const lock = await fileSystem.lock(directory);
    await lock.release();
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it.runIf(isLinux)('is taken over from a killed process that is still a zombie', async () => {
    const directory = temporaryDirectory();
    const script = fileURLToPath(new URL('./lock-child.mjs', import.meta.url));
    // The shell becomes a program that never waits for its children, so they stay zombies.
    const command = '"$0" "$@" & exec sleep 60';
    const parent = spawn('sh', ['-c', command, process.execPath, script, directory, 'z', 'hold'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await new Promise((resolve) => parent.stdout.once('data', resolve));
      const { owner } = decodeRecord(fs.readFileSync(join(directory, 'LOCK')))!;
      await expect(fileSystem.lock(directory)).rejects.toMatchObject({ kind: 'locked' });
      process.kill(owner.pid, 'SIGKILL');
      // Waits until the last other thread of the zombie has ended; one could still be inside a
      // write.
      const state = (): string => fs.readFileSync(`/proc/${owner.pid}/stat`, 'utf8');
      await vi.waitFor(() => expect(state()).toMatch(/\) Z (?:\S+ ){16}1 /), 10_000);
      await (await fileSystem.lock(directory)).release();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('never has two holders when processes race for the lock of a dead one', async () => {
    const directory = temporaryDirectory();
    const contenders = Array.from({ length: 8 }, (_, index) =>
      startContender(directory, `c${index}`, 'race'),
    );
    await Promise.all(contenders.map((each) => each.said('ready')));
    for (const each of contenders) each.process.stdin?.write('g');
    await Promise.all(contenders.map((each) => each.exited));
    // Each of them died while holding the lock, so there were seven contended takeovers.
    expect(contenders.map((each) => each.output())).toEqual(
      contenders.map((_, index) => `c${index} ready\nc${index} alone\n`),
    );
  });

  it('survives contenders that are killed in the middle of taking over', async () => {
    const directory = temporaryDirectory();
    const contenders = Array.from({ length: 6 }, (_, index) =>
      startContender(directory, `c${index}`, 'race'),
    );
    await Promise.all(contenders.map((each) => each.said('ready')));
    for (const each of contenders) each.process.stdin?.write('g');
    for (const [index, each] of contenders.entries()) {
      if (index % 2 === 0) setTimeout(() => each.process.kill('SIGKILL'), 3 + index * 3);
    }
    await Promise.all(contenders.map((each) => each.exited));
    fs.rmSync(join(directory, 'inside'), { force: true });
    await (await fileSystem.lock(directory)).release();
  });

  it.runIf(isLinux)(
    'is taken over at once from an owner from before a reboot, or whose pid was reused',
    async () => {
      const directory = temporaryDirectory();
      await leaveLock(directory, { bootId: 'another' });
      expect(await timed(fileSystem.lock(directory).then((lock) => lock.release()))).toBeLessThan(
        1000,
      );
      await leaveLock(directory, { startTicks: '1' });
      expect(await timed(fileSystem.lock(directory).then((lock) => lock.release()))).toBeLessThan(
        1000,
      );
    },
  );

  it('is refused when an owner in another process namespace sends a heartbeat', async () => {
    const directory = temporaryDirectory();
    const elsewhere = await world({
      self: { ...(await ownIdentity()), pidNamespace: 'pid:[1]', pid: 1, startTicks: '5' },
    });
    const lock = await lockDirectoryIn(directory, elsewhere);
    await expect(lockDirectoryIn(directory, await world())).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining('held by process 1 '),
    });
    await lock.release();
  });

  it('is taken over from an owner in another process namespace without a heartbeat', async () => {
    const directory = temporaryDirectory();
    await leaveLock(directory, { pidNamespace: 'pid:[1]', startTicks: null });
    const taking = lockDirectoryIn(directory, await world());
    expect(await timed(taking)).toBeGreaterThan(190);
    await (await taking).release();
  });

  it.each(['', '{"format":"babuza-lo', 'not ours at all'])(
    'is taken over from a torn lock file (%j) only when that no longer changes',
    async (text) => {
      const directory = temporaryDirectory();
      fs.writeFileSync(join(directory, 'LOCK'), text);
      const taking = lockDirectoryIn(directory, await world());
      expect(await timed(taking)).toBeGreaterThan(90);
      await (await taking).release();
    },
  );

  it('is not taken over while its owner is just writing the lock file', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'LOCK');
    fs.writeFileSync(file, '');
    const taking = lockDirectoryIn(directory, await world());
    const refused = expect(taking).rejects.toMatchObject({ kind: 'locked' });
    setTimeout(() => {
      void ownIdentity().then((owner) => {
        const record = { token: 'cd'.repeat(16), owner, since: 'now' };
        fs.writeFileSync(file, encodeRecord(record));
      });
    }, 40);
    await refused;
  });

  it('works without hard links', async () => {
    const directory = temporaryDirectory();
    const without = await world({ usesLinks: false });
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => lockDirectoryIn(directory, without)),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    await leaveLock(directory, { bootId: 'another', pidNamespace: null });
    if (isLinux) await (await lockDirectoryIn(directory, without)).release();
  });

  it('reports at the release that it was lost', async () => {
    const directory = temporaryDirectory();
    const lock = await fileSystem.lock(directory);
    fs.unlinkSync(join(directory, 'LOCK'));
    await expect(lock.release()).rejects.toMatchObject({ kind: 'locked', operation: 'unlock' });
  });

  it('removes the files of killed contenders, and nothing else', async () => {
    const directory = temporaryDirectory();
    await leaveLock(directory, { bootId: 'another' });
    fs.renameSync(join(directory, 'LOCK'), join(directory, `LOCK.${'ef'.repeat(16)}.tmp`));
    fs.writeFileSync(join(directory, 'LOCK.mine'), 'something else');
    const lock = await fileSystem.lock(directory);
    const left = fs.readdirSync(directory).sort();
    expect(left.filter((name) => isLinux || !name.endsWith('.tmp'))).toEqual(['LOCK', 'LOCK.mine']);
    await lock.release();
  });

  it('reports a missing directory and a held lock as different errors', async () => {
    const directory = temporaryDirectory();
    await expect(fileSystem.lock(join(directory, 'none'))).rejects.toMatchObject({
      kind: 'not-found',
    });
  });
});

describe('lock record', () => {
  it('is read back, unless its token could lead to another file', async () => {
    const record = { token: '01'.repeat(16), owner: await ownIdentity(), since: 'now' };
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
    expect(decodeRecord(encodeRecord({ ...record, token: '../../etc/passwd' }))).toBeUndefined();
    expect(decodeRecord(encodeRecord(record).subarray(0, 50))).toBeUndefined();
  });
});
