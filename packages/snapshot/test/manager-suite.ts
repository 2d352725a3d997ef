/** The tests that every snapshot manager passes. */
import type { SnapshotManager } from '@babuza/raft/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeManifest, VolatileSnapshotManager } from '../src/index.ts';
import {
  asStream,
  bytesOf,
  chunkBytes,
  fails,
  failureOf,
  filesOf,
  gate,
  indexes,
  joined,
  make,
  metadataOf,
  pieces,
  sampleFiles,
} from './support.ts';

export interface ManagerUnderTest {
  readonly manager: SnapshotManager;
  /** Slow managers leave out some bytes. */
  readonly flipEvery?: number;
  cleanUp?(): Promise<void>;
}

export function describeManager(name: string, begin: () => Promise<ManagerUnderTest>): void {
  describe(name, () => {
    let under: ManagerUnderTest;
    let manager: SnapshotManager;

    beforeEach(async () => {
      under = await begin();
      manager = under.manager;
      expect(await manager.open(7n)).toEqual([]);
    });
    afterEach(async () => {
      await manager.close();
      await under.cleanUp?.();
    });

    describe('the identity record', () => {
      it('is absent until it is written, and is replaced as a whole', async () => {
        expect(await manager.readIdentity()).toBe(undefined);
        for (const bytes of [0, 1, 65_536, 5]) {
          await manager.writeIdentity(bytesOf(bytes, bytes));
          const read = (await manager.readIdentity()) ?? new Uint8Array(1);
          expect(Buffer.compare(read, bytesOf(bytes, bytes)), `${bytes} bytes`).toBe(0);
        }
      });

      it('is refused if it is too long or not bytes, and leaves the one before', async () => {
        await manager.writeIdentity(bytesOf(3));
        const invalid = { code: 'SNAPSHOT_INVALID' };
        await expect(manager.writeIdentity(new Uint8Array(65_537))).rejects.toMatchObject(invalid);
        const noBytes: Uint8Array = JSON.parse('"text"');
        await expect(manager.writeIdentity(noBytes)).rejects.toMatchObject(invalid);
        expect(await manager.readIdentity()).toEqual(bytesOf(3));
      });

      it('is a copy, and writes at once take effect in the order of the calls', async () => {
        const given = bytesOf(40);
        const writes = [manager.writeIdentity(bytesOf(10)), manager.writeIdentity(given)];
        given.fill(0);
        await Promise.all(writes);
        (await manager.readIdentity())?.fill(9);
        expect(await manager.readIdentity()).toEqual(bytesOf(40));
      });

      it('is kept by retain and remove', async () => {
        await manager.writeIdentity(bytesOf(3));
        for (const index of [10, 20, 30]) await make(manager, index);
        await manager.remove({ index: 10, term: 1 });
        await manager.retain(1);
        expect(await manager.readIdentity()).toEqual(bytesOf(3));
      });

      it('cannot be read before the manager is open or after it is closed', async () => {
        const other = new VolatileSnapshotManager();
        const closed = { code: 'SNAPSHOT_CLOSED' };
        await expect(other.readIdentity()).rejects.toMatchObject(closed);
        await expect(other.writeIdentity(bytesOf(1))).rejects.toMatchObject(closed);
        await expect(other.removeAll()).rejects.toMatchObject(closed);
        await manager.close();
        await expect(manager.readIdentity()).rejects.toMatchObject(closed);
        await expect(manager.writeIdentity(bytesOf(1))).rejects.toMatchObject(closed);
      });
    });

    describe('removeAll', () => {
      it('removes every snapshot and the identity record, and all can be made again', async () => {
        await manager.removeAll();
        await manager.writeIdentity(bytesOf(3));
        for (const index of [10, 20]) await make(manager, index);
        await manager.removeAll();
        expect(manager.list()).toEqual([]);
        expect(await manager.readIdentity()).toBe(undefined);
        const files = { a: bytesOf(500, 2) };
        await make(manager, 20, files);
        expect(await filesOf(manager, 20)).toEqual(files);
      });

      it('removes nothing while a snapshot is open', async () => {
        await manager.writeIdentity(bytesOf(3));
        for (const index of [10, 20]) await make(manager, index);
        const open = await manager.read({ index: 10, term: 1 });
        // It is open, and no longer listed.
        await manager.retain(1);
        await expect(manager.removeAll()).rejects.toMatchObject({ code: 'SNAPSHOT_BUSY' });
        expect(indexes(manager)).toEqual([20]);
        expect(await manager.readIdentity()).toEqual(bytesOf(3));
        await open.close();
        await manager.removeAll();
        expect(indexes(manager)).toEqual([]);
      });

      it('leaves a snapshot that is made at the same time whole', async () => {
        await make(manager, 10);
        const files = { a: bytesOf(500, 3) };
        await Promise.all([manager.removeAll(), make(manager, 11, files)]);
        if (indexes(manager).length > 0) expect(await filesOf(manager, 11)).toEqual(files);
      });
    });

    describe('create', () => {
      it('makes a snapshot that read returns', async () => {
        const files = sampleFiles(1);
        const made = await make(manager, 10, files);
        expect(made.metadata).toEqual(metadataOf(10));
        expect(manager.list()).toEqual([made]);
        expect(await filesOf(manager, 10)).toEqual(files);
        await using open = await manager.read({ index: 10, term: 1 });
        expect(open.snapshot).toEqual(made);
        expect(open.fileNames).toEqual(['Zeros_', 'empty', 'one.chunk', 'state']);
      });

      it('lists ascending by index, whatever the order of making', async () => {
        for (const index of [30, 9, 100, 10]) await make(manager, index);
        expect(indexes(manager)).toEqual([9, 10, 30, 100]);
      });

      it('keeps one that exists and does not call write', async () => {
        const made = await make(manager, 10);
        const again = await manager.create(metadataOf(10), () => {
          throw new Error('called');
        });
        expect(again).toEqual(made);
      });

      it('gives the same content the same id, and other content or indexes another one', async () => {
        const made = await make(manager, 10, { a: bytesOf(700), b: bytesOf(3) });
        const other = new VolatileSnapshotManager({ compression: 'deflate' });
        await other.open(7n);
        const same = await other.create(metadataOf(10), async (writer) => {
          await writer.writeFile('b', [bytesOf(3)]);
          await writer.writeFile('a', pieces(bytesOf(700), 1));
        });
        expect(same.id).toBe(made.id);
        const ids = [made.id];
        for (const [index, files] of [
          [11, { a: bytesOf(700), b: bytesOf(3) }],
          [12, { a: bytesOf(700), c: bytesOf(3) }],
          [13, { a: bytesOf(700), b: bytesOf(3, 2) }],
          [14, {}],
        ] as const) {
          ids.push((await make(manager, index, files)).id);
        }
        expect(new Set(ids).size).toBe(5);
        await other.close();
      });

      it('accepts files concurrently', async () => {
        const files = sampleFiles(3);
        await manager.create(metadataOf(10), async (writer) => {
          await Promise.all(
            Object.entries(files).map(([name, content]) => writer.writeFile(name, pieces(content))),
          );
        });
        expect(await filesOf(manager, 10)).toEqual(files);
      });

      it('accepts many at once without a warning', async () => {
        const warnings: Error[] = [];
        const warn = (warning: Error): void => void warnings.push(warning);
        process.on('warning', warn);
        const { signal } = new AbortController();
        const many = Array.from({ length: 12 }, (_, at) => `file-${at}`);
        await Promise.all(
          many.map((_, at) =>
            manager.create(
              metadataOf(at + 1),
              async (writer) => {
                await Promise.all(many.map((name) => writer.writeFile(name, [bytesOf(600)])));
              },
              at % 2 === 0 ? signal : undefined,
            ),
          ),
        );
        await new Promise((resolve) => setImmediate(resolve));
        process.off('warning', warn);
        expect(warnings).toEqual([]);
        expect(indexes(manager)).toHaveLength(12);
      });

      it('waits for files that write has not waited for', async () => {
        const files = sampleFiles(3);
        await manager.create(metadataOf(10), async (writer) => {
          for (const [name, content] of Object.entries(files)) {
            void writer.writeFile(name, asStream(pieces(content)));
          }
        });
        expect(await filesOf(manager, 10)).toEqual(files);
      });

      it('leaves nothing of a failed attempt, and says why', async () => {
        const reason = new Error('the state machine says no');
        const create = manager.create(metadataOf(10), async (writer) => {
          await writer.writeFile('a', [bytesOf(2000)]);
          throw reason;
        });
        expect(await failureOf(create)).toBe(reason);
        expect(manager.list()).toEqual([]);
        await make(manager, 10);
        expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
      });

      it('fails with a file even if write ignores the failure', async () => {
        const reason = new Error('the source is gone');
        const create = manager.create(metadataOf(10), async (writer) => {
          const broken = (async function* () {
            yield bytesOf(3);
            throw reason;
          })();
          await writer.writeFile('a', broken).catch(() => {});
        });
        expect(await failureOf(create)).toBe(reason);
        expect(manager.list()).toEqual([]);
      });

      it('refuses bad names, repeated names, bad chunks and bad metadata', async () => {
        const write = (name: string, chunks: Iterable<Uint8Array> = []): Promise<unknown> =>
          manager.create(metadataOf(10), (writer) => writer.writeFile(name, chunks));
        for (const name of ['', 'a/b', 'ä', 'a b', 'x'.repeat(65), '../x', 'a\0']) {
          await fails('SNAPSHOT_INVALID', write(name));
        }
        const numbers = [1, 2] as unknown as Iterable<Uint8Array>;
        await fails('SNAPSHOT_INVALID', write('a', numbers));
        const twice = manager.create(metadataOf(10), async (writer) => {
          await writer.writeFile('a', []);
          await writer.writeFile('a', []);
        });
        await fails('SNAPSHOT_INVALID', twice);
        for (const index of [0, -1, 0.5, 2 ** 53]) {
          await fails('SNAPSHOT_INVALID', make(manager, index));
        }
        expect(manager.list()).toEqual([]);
      });

      it('allows names that some file systems treat specially', async () => {
        const files = {
          '.': bytesOf(1),
          '..': bytesOf(2),
          a: bytesOf(3),
          A: bytesOf(4),
          con: bytesOf(5),
        };
        await make(manager, 10, files);
        expect(await filesOf(manager, 10)).toEqual(files);
      });

      it('accepts no files when write has ended', async () => {
        let late = (): Promise<void> => Promise.resolve();
        await manager.create(metadataOf(10), async (writer) => {
          late = () => writer.writeFile('late', []);
        });
        await fails('SNAPSHOT_INVALID', late());
      });

      it('ends with the reason of its signal, even if write hangs', async () => {
        const reason = new Error('enough');
        for (const hang of ['write', 'chunks', 'before'] as const) {
          const abort = new AbortController();
          if (hang === 'before') abort.abort(reason);
          const create = manager.create(
            metadataOf(10),
            async (writer) => {
              const never = new Promise<IteratorResult<Uint8Array>>(() => {});
              setImmediate(() => abort.abort(reason));
              if (hang === 'write') await never;
              await writer.writeFile('a', {
                [Symbol.asyncIterator]: () => ({ next: () => never }),
              });
            },
            abort.signal,
          );
          expect(await failureOf(create)).toBe(reason);
        }
        expect(manager.list()).toEqual([]);
        await make(manager, 10);
      });

      it('makes the same snapshot once for two calls', async () => {
        const [one, two] = await Promise.all([make(manager, 10), make(manager, 10)]);
        expect(one).toEqual(two);
        const failing = manager.create(metadataOf(11), () => Promise.reject(new Error('no')));
        const [, second] = await Promise.allSettled([failing, make(manager, 11)]);
        expect(second.status).toBe('fulfilled');
        expect(indexes(manager)).toEqual([10, 11]);
      });
    });

    describe('read', () => {
      it('says what does not exist', async () => {
        await make(manager, 10);
        await fails('SNAPSHOT_NOT_FOUND', manager.read({ index: 10, term: 2 }));
        await fails('SNAPSHOT_NOT_FOUND', manager.read({ index: 11, term: 1 }));
        await using open = await manager.read({ index: 10, term: 1 });
        await fails('SNAPSHOT_NOT_FOUND', joined(open.readFile('none')));
      });

      it('ends with close, which is harmless twice', async () => {
        await make(manager, 10);
        const open = await manager.read({ index: 10, term: 1 });
        const half = open.readFile('state')[Symbol.asyncIterator]();
        await half.next();
        await open.close();
        await open.close();
        await fails('SNAPSHOT_CLOSED', half.next());
        await fails('SNAPSHOT_CLOSED', joined(open.readFile('state')));
      });

      it('returns bytes that the caller may keep and change', async () => {
        await make(manager, 10);
        await using open = await manager.read({ index: 10, term: 1 });
        for await (const chunk of open.readFile('state')) chunk.fill(0);
        expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
      });
    });

    describe('retain and remove', () => {
      it('keep the newest', async () => {
        for (const index of [10, 20, 30, 40]) await make(manager, index);
        await manager.remove({ index: 20, term: 1 });
        await manager.remove({ index: 20, term: 1 });
        expect(indexes(manager)).toEqual([10, 30, 40]);
        await fails('SNAPSHOT_INVALID', manager.remove({ index: 40, term: 1 }));
        await manager.retain(5);
        await manager.retain(2);
        expect(indexes(manager)).toEqual([30, 40]);
        await fails('SNAPSHOT_INVALID', manager.retain(0));
        await manager.retain(1);
        expect(indexes(manager)).toEqual([40]);
      });

      it('wait for readers', async () => {
        for (const index of [10, 20]) await make(manager, index);
        const open = await manager.read({ index: 10, term: 1 });
        const second = await manager.read({ index: 10, term: 1 });
        await manager.retain(1);
        expect(indexes(manager)).toEqual([20]);
        await fails('SNAPSHOT_NOT_FOUND', manager.read({ index: 10, term: 1 }));
        await second.close();
        expect(await joined(open.readFile('state'))).toEqual(sampleFiles(10)['state']);
        await open.close();
        await make(manager, 10, { other: bytesOf(1) });
        expect(await filesOf(manager, 10)).toEqual({ other: bytesOf(1) });
      });

      it('are cancelled for one that is made again while it is read', async () => {
        for (const index of [10, 20]) await make(manager, index);
        const open = await manager.read({ index: 10, term: 1 });
        await manager.retain(1);
        await make(manager, 10, { other: bytesOf(1) });
        await open.close();
        expect(indexes(manager)).toEqual([10, 20]);
        expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
      });
    });

    describe('send and receive', () => {
      let other: VolatileSnapshotManager;

      beforeEach(async () => {
        other = new VolatileSnapshotManager({ chunkBytes });
        await other.open(7n);
      });
      afterEach(() => other.close());

      it('move a snapshot both ways, with the same id and the same bytes', async () => {
        const made = await make(manager, 10);
        const there = await other.receive(
          made.metadata,
          made.manifest,
          manager.send(made.metadata),
        );
        expect(there).toEqual(made);
        expect(await filesOf(other, 10)).toEqual(sampleFiles(10));
        const back = await make(other, 20);
        const here = await manager.receive(back.metadata, back.manifest, other.send(back.metadata));
        expect(here).toEqual(back);
        expect(await filesOf(manager, 20)).toEqual(sampleFiles(20));
        expect(await manager.verify(back.metadata)).toBe(true);
        const [first, second] = [manager, other].map((each) => joined(each.send(back.metadata)));
        expect(await first).toEqual(await second);
      });

      it('know the length of the stream, and start at any offset', async () => {
        const made = await make(manager, 10);
        const whole = await joined(manager.send(made.metadata));
        expect(whole.length).toBe(made.bytes);
        for (let offset = 0; offset <= whole.length; offset += 61) {
          const rest = await joined(manager.send(made.metadata, offset));
          expect(Buffer.compare(rest, whole.subarray(offset))).toBe(0);
        }
        expect(await joined(manager.send(made.metadata, made.bytes))).toHaveLength(0);
        for (const offset of [-1, 0.5, made.bytes + 1]) {
          await fails('SNAPSHOT_INVALID', joined(manager.send(made.metadata, offset)));
        }
        await fails('SNAPSHOT_NOT_FOUND', joined(manager.send({ index: 1, term: 1 })));
      });

      it('continue where they were interrupted', async () => {
        const made = await make(other, 10);
        const whole = await joined(other.send(made.metadata));
        expect(await manager.received(made.manifest)).toBe(0);
        let offset = 0;
        for (const end of [5, 530, 800, 1500, 1501, whole.length - 1]) {
          const part = asStream(pieces(whole.subarray(offset, end)));
          const error = await fails(
            'SNAPSHOT_CORRUPT',
            manager.receive(made.metadata, made.manifest, part),
          );
          expect(error.message).toContain('too early');
          const next = await manager.received(made.manifest);
          expect(next).toBeGreaterThanOrEqual(offset);
          expect(next).toBeGreaterThan(end - 530);
          expect(next).toBeLessThanOrEqual(end);
          offset = next;
        }
        const rest = other.send(made.metadata, offset);
        expect(await manager.receive(made.metadata, made.manifest, rest)).toEqual(made);
        expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
        expect(await manager.received(made.manifest)).toBe(made.bytes);
      });

      it('keep the received bytes when the stream fails or the signal fires', async () => {
        const made = await make(other, 10);
        const whole = await joined(other.send(made.metadata));
        const reason = new Error('the connection is gone');
        const failing = (async function* () {
          yield whole.subarray(0, 900);
          throw reason;
        })();
        const failed = manager.receive(made.metadata, made.manifest, failing);
        expect(await failureOf(failed)).toBe(reason);
        const offset = await manager.received(made.manifest);
        expect(offset).toBeGreaterThan(300);
        const abort = new AbortController();
        const hanging = (async function* () {
          yield whole.subarray(offset, 1600);
          setImmediate(() => abort.abort(reason));
          await new Promise(() => {});
        })();
        const aborted = manager.receive(made.metadata, made.manifest, hanging, abort.signal);
        expect(await failureOf(aborted)).toBe(reason);
        expect(await manager.received(made.manifest)).toBeGreaterThan(offset);
        expect(manager.list()).toEqual([]);
      });

      it('refuse a flipped bit of every byte of the stream', async () => {
        const made = await make(other, 10, { a: bytesOf(600), b: bytesOf(20) });
        const whole = await joined(other.send(made.metadata));
        for (let at = 0; at < whole.length; at += under.flipEvery ?? 1) {
          const damaged = whole.slice();
          damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
          const stream = asStream(pieces(damaged, 200));
          await fails('SNAPSHOT_CORRUPT', manager.receive(made.metadata, made.manifest, stream));
        }
        expect(manager.list()).toEqual([]);
        const stream = asStream([whole]);
        expect(await manager.receive(made.metadata, made.manifest, stream)).toEqual(made);
      });

      it('refuse a stream that is too long, another snapshot, and the metadata of another one', async () => {
        const made = await make(other, 10);
        const second = await make(other, 11);
        const whole = await joined(other.send(made.metadata));
        const receive = (
          from: typeof made,
          manifest: Uint8Array,
          parts: Iterable<Uint8Array>,
        ): Promise<unknown> => manager.receive(from.metadata, manifest, asStream(parts));
        await fails('SNAPSHOT_CORRUPT', receive(made, made.manifest, [whole, new Uint8Array(1)]));
        await fails('SNAPSHOT_CORRUPT', receive(second, second.manifest, [whole]));
        await fails('SNAPSHOT_CORRUPT', receive(second, made.manifest, [whole]));
        const learners = { ...made.metadata.confState, learners: [9n] };
        const changed = { ...made, metadata: { ...made.metadata, confState: learners } };
        await fails('SNAPSHOT_CORRUPT', receive(changed, made.manifest, [whole]));
        const text = ['x'] as unknown as Uint8Array[];
        await fails('SNAPSHOT_INVALID', receive(made, made.manifest, text));
        expect(manager.list()).toEqual([]);
      });

      it('do not read the stream of one that exists', async () => {
        const made = await make(manager, 10);
        const stream = (async function* () {
          yield await Promise.reject<Uint8Array>(new Error('read'));
        })();
        expect(await manager.receive(made.metadata, made.manifest, stream)).toEqual(made);
        expect(await manager.received(made.manifest)).toBe(made.bytes);
      });

      it('refuse a second stream of the same snapshot, and accept others concurrently', async () => {
        const made = await make(other, 10);
        const second = await make(other, 11);
        const { passed, open } = gate();
        const slow = (async function* () {
          await passed;
          yield* other.send(made.metadata);
        })();
        const first = manager.receive(made.metadata, made.manifest, slow);
        const again = (): Promise<unknown> =>
          manager.receive(made.metadata, made.manifest, other.send(made.metadata));
        await fails('SNAPSHOT_BUSY', again());
        await fails('SNAPSHOT_BUSY', manager.received(made.manifest));
        await manager.receive(second.metadata, second.manifest, other.send(second.metadata));
        open();
        expect(await first).toEqual(made);
        expect(await again()).toEqual(made);
        expect(indexes(manager)).toEqual([10, 11]);
      });

      it('keep one when it is made and received at the same time', async () => {
        const made = await make(other, 10);
        const [received, created] = await Promise.all([
          manager.receive(made.metadata, made.manifest, other.send(made.metadata)),
          make(manager, 10),
        ]);
        expect(received).toEqual(created);
        expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
      });

      it('send what is being removed until the stream is returned', async () => {
        const made = await make(manager, 10);
        await make(manager, 20);
        const stream = manager.send(made.metadata)[Symbol.asyncIterator]();
        await stream.next();
        await manager.retain(1);
        expect((await stream.next()).done).toBe(false);
        await stream.return?.();
        await fails('SNAPSHOT_NOT_FOUND', joined(manager.send(made.metadata)));
      });

      it('end a stream with the reason of its signal', async () => {
        const made = await make(manager, 10);
        const abort = new AbortController();
        const stream = manager.send(made.metadata, 0, abort.signal)[Symbol.asyncIterator]();
        await stream.next();
        const reason = new Error('enough');
        abort.abort(reason);
        expect(await failureOf(stream.next())).toBe(reason);
        const late = manager.send(made.metadata, 0, abort.signal);
        expect(await failureOf(joined(late))).toBe(reason);
      });
    });

    describe('together', () => {
      it('make, read, send, retain and verify concurrently', async () => {
        await make(manager, 1);
        const rounds = Array.from({ length: 12 }, (_, at) => at + 2);
        await Promise.all(
          rounds.flatMap((index) => [
            make(manager, index),
            manager.retain((index % 3) + 1),
            (async () => {
              const newest = manager.list().at(-1)?.metadata ?? metadataOf(1);
              const files = await filesOf(manager, newest.index).catch((error: unknown) => error);
              // It may be removed before it is opened, but an open one is whole.
              if (files instanceof Error)
                expect(files).toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
              else expect(files).toEqual(sampleFiles(newest.index));
            })(),
            manager.verify({ index: index - 1, term: 1 }),
          ]),
        );
        await manager.retain(2);
        expect(indexes(manager)).toHaveLength(2);
        for (const index of indexes(manager)) {
          expect(await filesOf(manager, index)).toEqual(sampleFiles(index));
        }
      });
    });

    describe('a manager', () => {
      it('is opened once', async () => {
        await fails('SNAPSHOT_INVALID', manager.open(7n));
      });

      it('ends everything with close', async () => {
        const made = await make(manager, 10);
        const open = await manager.read(made.metadata);
        const half = open.readFile('state')[Symbol.asyncIterator]();
        await half.next();
        const never = new Promise<void>(() => {});
        const creating = manager.create(metadataOf(20), () => never);
        const hanging = (async function* () {
          await never;
          yield new Uint8Array(1);
        })();
        const source = new VolatileSnapshotManager();
        await source.open(7n);
        const next = await make(source, 30);
        const receiving = manager.receive(next.metadata, next.manifest, hanging);
        const ended = [creating, receiving].map((each) => fails('SNAPSHOT_CLOSED', each));
        const closing = manager.close();
        expect(manager.close()).toBe(closing);
        await closing;
        await Promise.all(ended);
        await fails('SNAPSHOT_CLOSED', half.next());
        await fails('SNAPSHOT_CLOSED', make(manager, 40));
        await fails('SNAPSHOT_CLOSED', manager.retain(1));
        await fails('SNAPSHOT_CLOSED', joined(manager.send(made.metadata)));
        await source.close();
      });

      it('lists the files of a snapshot in its manifest', async () => {
        const made = await make(manager, 10);
        const manifest = decodeManifest(made.manifest);
        expect(manifest.id).toBe(made.id);
        const sizes = manifest.files.map((file) => [file.name, file.contentBytes]);
        expect(sizes).toEqual([
          ['Zeros_', 513],
          ['empty', 0],
          ['one.chunk', 512],
          ['state', 1124],
        ]);
        expect(manifest.files.reduce((sum, file) => sum + file.storedBytes, 0)).toBe(made.bytes);
      });
    });
  });
}
