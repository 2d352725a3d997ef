/**
 * A snapshot that is being made: what it waits for, what it refuses, and which failure it reports.
 */
import { simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { SnapshotManager } from '@babuza/raft/ports';
import { beforeEach, describe, expect, it } from 'vitest';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import {
  bytesOf,
  chunkBytes,
  failureOf,
  fails,
  filesOf,
  gate,
  indexes,
  make,
  metadataOf,
  turn,
} from './support.ts';
import { openedOn } from './disk-manager.ts';

const ten = metadataOf(10);
let disk: SimulatedDisk;
let manager: DurableSnapshotManager;

beforeEach(async () => {
  disk = simulatedEnvironment(1).fileSystem;
  manager = await openedOn(disk);
});

async function inMemory(): Promise<VolatileSnapshotManager> {
  const one = new VolatileSnapshotManager({ chunkBytes });
  await one.open(1n);
  return one;
}

describe('files that are written', () => {
  it('are waited for even if write has not, and no further file is accepted', async () => {
    const { passed, open } = gate();
    const late: unknown[] = [];
    const one = await inMemory();
    let isMade = false;
    const creating = one.create(ten, async (files) => {
      const slow = (async function* () {
        await passed;
        yield bytesOf(600);
      })();
      void files.writeFile('slow', slow);
      setImmediate(() => {
        files.writeFile('late', [bytesOf(3)]).catch((error: unknown) => late.push(error));
      });
    });
    const ended = creating.then(
      () => undefined,
      (error: unknown) => {
        isMade = true;
        return error;
      },
    );
    for (let turns = 0; turns < 4; turns += 1) await turn();
    expect(late).toEqual([expect.objectContaining({ code: 'SNAPSHOT_INVALID' })]);
    expect(isMade).toBe(false);
    open();
    // The refusal of the late file also fails the snapshot, because the snapshot would lack that
    // file.
    expect(await ended).toBe(late[0]);
    const again = one.create(ten, async (files) => {
      void files.writeFile(
        'slow',
        (async function* () {
          await turn();
          yield bytesOf(600);
        })(),
      );
    });
    await again;
    expect(await filesOf(one, 10)).toEqual({ slow: bytesOf(600) });
  });

  it('fail with the first failure, whatever write does with it', async () => {
    const reason = new Error('the source is gone');
    const broken = (async function* () {
      yield bytesOf(3);
      throw reason;
    })();
    const creating = manager.create(ten, async (files) => {
      await files.writeFile('a', broken).catch(() => {
        throw new Error('the state machine has failed');
      });
    });
    expect(await failureOf(creating)).toBe(reason);
    const two = manager.create(ten, async (files) => {
      const failing = (turns: number, error: Error) =>
        (async function* () {
          for (let at = 0; at < turns; at += 1) await turn();
          yield await Promise.reject<Uint8Array>(error);
        })();
      const second = files.writeFile('a', failing(2, new Error('the second one')));
      await Promise.allSettled([second, files.writeFile('b', failing(0, reason))]);
    });
    expect(await failureOf(two)).toBe(reason);
  });

  it('fail when the disk fails to close them, and leave none open', async () => {
    for (const path of [/file-0001$/, /\/snapshot$/]) {
      const rule = disk.inject({ on: 'close', path, fault: { type: 'error', kind: 'io' } });
      const creating = make(manager, 10, { a: bytesOf(600) });
      expect(await fails('SNAPSHOT_WRITE_FAILED', creating)).toMatchObject({
        cause: { operation: 'close' },
      });
      expect([rule.hits, disk.openPaths]).toEqual([1, []]);
    }
    await make(manager, 10, { a: bytesOf(600) });
    expect(disk.openPaths).toEqual([]);
  });

  it('have a name of their own, and chunks of bytes', async () => {
    const one = await inMemory();
    const write = (names: readonly string[], chunks: Iterable<Uint8Array> = []): Promise<unknown> =>
      one.create(ten, async (files) => {
        for (const name of names) await files.writeFile(name, chunks);
      });
    const named = await fails('SNAPSHOT_INVALID', write(['a/b']));
    expect(named.message).toBe('a file name has 1 to 64 of A-Z a-z 0-9 . _ -, got a/b');
    const twice = await fails('SNAPSHOT_INVALID', write(['a', 'a']));
    expect(twice.message).toBe('the snapshot already has a file a');
    const text = await fails('SNAPSHOT_INVALID', write(['a'], JSON.parse('["text"]')));
    expect(text.message).toBe('file a: a chunk must be a Uint8Array');
    expect(one.list()).toEqual([]);
  });

  it('are at most 4096', async () => {
    const one = await inMemory();
    const creating = one.create(ten, async (files) => {
      for (let number = 1; number <= 4097; number += 1) {
        await files.writeFile(`file-${number}`, []);
      }
    });
    const error = await fails('SNAPSHOT_INVALID', creating);
    expect(error.message).toContain('at most 4096 files, got 4097');
    expect(one.list()).toEqual([]);
  });

  it('may be many at once, and Node.js warns of nothing', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', warn);
    const one = await inMemory();
    const names = Array.from({ length: 12 }, (_, at) => `file-${at}`);
    await one.create(ten, async (files) => {
      const { passed, open } = gate();
      const all = names.map((name) =>
        files.writeFile(
          name,
          (async function* () {
            await passed;
            yield bytesOf(3);
          })(),
        ),
      );
      await turn();
      open();
      await Promise.all(all);
    });
    await turn();
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });

  it('are not started when the signal has fired before', async () => {
    const reason = new Error('enough');
    const before = disk.mutationCount;
    const creating = manager.create(ten, () => expect.unreachable(), AbortSignal.abort(reason));
    expect(await failureOf(creating)).toBe(reason);
    expect(disk.mutationCount).toBe(before);
  });

  it('do not become a snapshot when the signal fires while the metadata is written', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const syncDirectory = disk.syncDirectory.bind(disk);
    disk.syncDirectory = async (path) => {
      if (path.endsWith('.tmp')) abort.abort(reason);
      await syncDirectory(path);
    };
    const creating = manager.create(
      ten,
      (files) => files.writeFile('a', [bytesOf(3)]),
      abort.signal,
    );
    expect(await failureOf(creating)).toBe(reason);
    expect(indexes(manager)).toEqual([]);
    expect(disk.surgery.files().filter((path) => !path.endsWith('LOCK'))).toEqual([]);
  });
});

describe('files that are linked', () => {
  const link = (path: string, one: SnapshotManager = manager): Promise<unknown> =>
    one.create(ten, (files) => files.linkFile('a', path));

  it('are read with every length', async () => {
    for (const [at, length] of [0, 1, 511, 512, 513, 1024, 1025].entries()) {
      disk.surgery.put(`/table-${length}`, bytesOf(length));
      await manager.create(metadataOf(at + 1), (files) => files.linkFile('a', `/table-${length}`));
      expect(await filesOf(manager, at + 1), `${length} bytes`).toEqual({ a: bytesOf(length) });
    }
    expect(disk.openPaths).toEqual([]);
  });

  it('report a failing disk as such, and a missing file as a mistake of the caller', async () => {
    disk.surgery.put('/table', bytesOf(600));
    for (const [kind, code] of [
      ['io', 'SNAPSHOT_READ_FAILED'],
      ['too-many-open', 'SNAPSHOT_TRY_AGAIN'],
    ] as const) {
      disk.inject({ on: 'open', path: '/table', fault: { type: 'error', kind } });
      expect((await fails(code, link('/table'))).cause).toMatchObject({ kind });
    }
    disk.inject({ on: 'read', path: '/table', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_READ_FAILED', link('/table'));
    disk.inject({ on: 'datasync', path: '/table', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_WRITE_FAILED', link('/table'));
    disk.inject({ on: 'close', path: '/table', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_WRITE_FAILED', link('/table'));
    const missing = await fails('SNAPSHOT_INVALID', link('/none'));
    expect(missing.message).toContain('the file to be linked does not exist');
    expect(missing.cause).toBeDefined();
    expect(disk.openPaths).toEqual([]);
  });

  it('have an absolute path of at most 4096 bytes, which survives a restart', async () => {
    const longest = `/${'ä'.repeat(2047)}x`;
    for (const path of [longest, `${longest}x`]) disk.surgery.put(path, bytesOf(600));
    const error = await fails('SNAPSHOT_INVALID', link(`${longest}x`));
    expect(error.message).toContain('an absolute path of at most 4096 bytes');
    await fails('SNAPSHOT_INVALID', link('table'));
    await fails('SNAPSHOT_INVALID', link(JSON.parse('5')));
    await link(longest);
    await manager.close();
    const again = await openedOn(disk);
    expect(again.list()[0]?.linkedPaths).toEqual([longest]);
    expect(await filesOf(again, 10)).toEqual({ a: bytesOf(600) });
  });

  it('are found damaged where a bit of a head is wrong, even in a compressed snapshot', async () => {
    disk.surgery.put('/table', bytesOf(600));
    const options = { chunkBytes, compression: 'deflate' } as const;
    const one = new DurableSnapshotManager('/packed', options, { fileSystem: disk });
    await one.open(1n);
    await one.create(ten, (files) => files.linkFile('a', '/table'));
    const [heads] = disk.surgery.files().filter((path) => path.endsWith('file-0001'));
    expect(await one.verify(ten)).toBe(true);
    // The length of the first chunk: 256 for 512.
    disk.surgery.overwrite(heads ?? '', 2, Uint8Array.of(1));
    expect(await one.verify(ten)).toBe(false);
    await one.close();
  });

  it('are refused for snapshots in memory', async () => {
    const error = await fails('SNAPSHOT_INVALID', link('/table', await inMemory()));
    expect(error.message).toContain('cannot link');
  });
});
