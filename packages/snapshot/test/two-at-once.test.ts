/**
 * Two concurrent calls on the snapshots of one node: reading, making and receiving the same
 * snapshot.
 */
import { getEventListeners } from 'node:events';
import type { SnapshotManager } from '@babuza/raft/ports';
import { beforeEach, describe, expect, it } from 'vitest';
import { VolatileSnapshotManager } from '../src/index.ts';
import {
  asStream,
  failureOf,
  fails,
  filesOf,
  gate,
  indexes,
  joined,
  make,
  metadataOf,
  sampleFiles,
  turn,
  writing,
} from './support.ts';

const form = { chunkBytes: 512 };
let manager: SnapshotManager;
beforeEach(async () => {
  manager = new VolatileSnapshotManager(form);
  await manager.open(1n);
});

async function microtasks(count: number): Promise<void> {
  for (let turns = 0; turns < count; turns += 1) await Promise.resolve();
}

describe('a snapshot with two readers', () => {
  it('stays for one reader although the other one closes it twice', async () => {
    await make(manager, 10);
    const [one, other] = [
      await manager.read({ index: 10, term: 1 }),
      await manager.read({ index: 10, term: 1 }),
    ];
    await make(manager, 20);
    await manager.retain(1);
    await Promise.all([one.close(), one.close()]);
    await one.close();
    for (const [name, content] of Object.entries(sampleFiles(10))) {
      expect(Buffer.compare(await joined(other.readFile(name)), content)).toBe(0);
    }
    await other.close();
    expect(indexes(manager)).toEqual([20]);
  });

  it.each(['to its end', 'until it returns', 'until its signal fires', 'after its signal fired'])(
    'that was sent %s is not held any more, and no listener is left',
    async (how) => {
      await make(manager, 10);
      const giveUp = new AbortController();
      if (how === 'after its signal fired') giveUp.abort(new Error('enough'));
      for (let round = 0; round < 3; round += 1) {
        const sent = manager.send({ index: 10, term: 1 }, 0, giveUp.signal);
        const stream = sent[Symbol.asyncIterator]();
        if (how === 'after its signal fired') await failureOf(stream.next());
        else await stream.next();
        if (how === 'to its end') while ((await stream.next()).done !== true);
        if (how === 'until it returns') await stream.return?.();
        if (how === 'until its signal fires') {
          giveUp.abort(new Error('enough'));
          await failureOf(stream.next());
          break;
        }
      }
      expect(getEventListeners(giveUp.signal, 'abort')).toEqual([]);
      await manager.removeAll();
      expect(indexes(manager)).toEqual([]);
    },
  );
});

describe('one snapshot that several calls make at once', () => {
  it('is made by one call at a time, and the others return the result', async () => {
    let running = 0;
    let mostRunning = 0;
    let calls = 0;
    const first = gate();
    const create = () =>
      manager.create(metadataOf(10), async (files) => {
        calls += 1;
        const isFirst = calls === 1;
        running += 1;
        mostRunning = Math.max(mostRunning, running);
        try {
          if (isFirst) await first.passed;
          await turn();
          if (isFirst) throw new Error('no state');
          await writing(sampleFiles(10))(files);
        } finally {
          running -= 1;
        }
      });
    const all = [create(), create(), create(), create()];
    const ended = Promise.allSettled(all);
    await turn();
    first.open();
    expect((await ended).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    expect([mostRunning, calls, indexes(manager)]).toEqual([1, 2, [10]]);
    expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
  });

  it('is whole or absent when it is removed meanwhile, at any moment', async () => {
    const files = { state: Buffer.from('small') };
    for (let delay = 0; delay < 60; delay += 1) {
      const one = new VolatileSnapshotManager(form);
      await one.open(1n);
      await make(one, 10, files);
      await make(one, 20, files);
      const reader = await one.read({ index: 10, term: 1 });
      await one.retain(1);
      const closing = reader.close();
      await microtasks(delay);
      await Promise.all([make(one, 10, files), closing]);
      expect(indexes(one), `after ${delay} microtasks`).toEqual([10, 20]);
      const found = await filesOf(one, 10);
      expect(Buffer.from(found['state'] ?? []), `after ${delay} microtasks`).toEqual(files.state);
      await one.close();
    }
  });
});

describe('snapshots that arrive', () => {
  async function sources() {
    const source = new VolatileSnapshotManager(form);
    await source.open(1n);
    const stored = [await make(source, 10), await make(source, 20)];
    const parts = await Promise.all(
      stored.map(async ({ metadata }) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of source.send(metadata)) chunks.push(chunk);
        return { metadata, chunks };
      }),
    );
    return stored.map(({ metadata, manifest }, at) => ({
      metadata,
      manifest,
      chunks: parts[at]?.chunks ?? [],
    }));
  }

  /** Yields one chunk each time the test allows it. */
  function stepped(chunks: readonly Uint8Array[]) {
    const gates = chunks.map(() => gate());
    async function* stream(): AsyncGenerator<Uint8Array, void> {
      for (const [at, chunk] of chunks.entries()) {
        await gates[at]?.passed;
        yield chunk;
      }
    }
    return { stream: stream(), step: (at: number) => gates[at]?.open() };
  }

  it('from two leaders are both received whole, chunk by chunk in turn', async () => {
    const [older, newer] = await sources();
    if (older === undefined || newer === undefined) throw new Error('there are two');
    const one = stepped(older.chunks);
    const other = stepped(newer.chunks);
    const first = manager.receive(older.metadata, older.manifest, one.stream);
    one.step(0);
    for (let turns = 0; turns < 5; turns += 1) await turn();
    // The second transfer starts when the first one has its folder.
    const second = manager.receive(newer.metadata, newer.manifest, other.stream);
    for (let at = 0; at < Math.max(older.chunks.length, newer.chunks.length); at += 1) {
      one.step(at);
      await turn();
      other.step(at);
      await turn();
    }
    await Promise.all([first, second]);
    expect(indexes(manager)).toEqual([10, 20]);
    expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
    expect(await filesOf(manager, 20)).toEqual(sampleFiles(20));
  });

  it('that are the same from two leaders are received from one, and afterwards from the other', async () => {
    const [, newer] = await sources();
    if (newer === undefined) throw new Error('there are two');
    const { metadata, manifest, chunks } = newer;
    const one = stepped(chunks);
    const giveUp = new AbortController();
    const first = manager.receive(metadata, manifest, one.stream, giveUp.signal);
    await turn();
    await fails('SNAPSHOT_BUSY', manager.receive(metadata, manifest, asStream(chunks)));
    await fails('SNAPSHOT_BUSY', manager.received(manifest));
    giveUp.abort(new Error('the first leader is gone'));
    await failureOf(first);
    expect(await manager.received(manifest)).toBe(0);
    await manager.receive(metadata, manifest, asStream(chunks));
    expect(await filesOf(manager, 20)).toEqual(sampleFiles(20));
  });
});

describe('a snapshot that waits for its last file', () => {
  it('accepts no other file, and fails when one is added, because it would lack that file', async () => {
    const { passed, open } = gate();
    let late = (): Promise<void> => Promise.resolve();
    const making = manager.create(metadataOf(10), async (writer) => {
      late = () => writer.writeFile('late', []);
      const slow = (async function* () {
        await passed;
        yield new Uint8Array(3);
      })();
      void writer.writeFile('slow', slow);
    });
    const failure = failureOf(making);
    await turn();
    await fails('SNAPSHOT_INVALID', late());
    open();
    expect(await failure).toMatchObject({ code: 'SNAPSHOT_INVALID' });
    expect(manager.list()).toEqual([]);
  });
});
