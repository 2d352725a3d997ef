/** Creating, opening and closing logs, their metadata, and the single owner of a directory. */
import type { WalEvent } from '../events.ts';
import { failureOf, rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, texts } from './samples.ts';
import { sampleMetadata, type Suite } from './suite.ts';

export function lifecycleTests(suite: Suite): void {
  suite.test(
    'a new directory has no log, and looking for one does not create it',
    async (world) => {
      const manager = await world.manager();
      suite.expect(await manager.hasExistingWal()).toBe(false);
      suite.expect(await rejectionOf(manager.findSnapshots())).toBe('WAL_NOT_FOUND');
      suite.expect(await rejectionOf(manager.replayWal())).toBe('WAL_NOT_FOUND');
      await world.close();
      suite.expect(await (await world.manager()).hasExistingWal()).toBe(false);
    },
  );

  suite.test('a log is created once', async (world) => {
    await world.create();
    const manager = await world.manager();
    suite.expect(await manager.hasExistingWal()).toBe(true);
    suite.expect(await rejectionOf(manager.createWal(sampleMetadata))).toBe('WAL_EXISTS');
    await world.close();
    const reopened = await world.manager();
    suite.expect(await reopened.hasExistingWal()).toBe(true);
    suite.expect(await rejectionOf(reopened.createWal(sampleMetadata))).toBe('WAL_EXISTS');
  });

  suite.test('the manager has the capabilities of its back end', async (world) => {
    suite.expect((await world.manager()).capabilities).toEqual(suite.target.capabilities);
  });

  suite.test(
    'an event reports that a log was opened, with the verdict on its tail',
    async (world) => {
      await world.create();
      await world.close();
      const seen: WalEvent[] = [];
      (await world.manager()).events.subscribe((event) => seen.push(event));
      const { tail } = await world.replay();
      const recovered = seen.filter(({ type }) => type === 'recovered');
      suite.expect(recovered).toEqual([{ type: 'recovered', groupId: 0n, tail }]);
    },
  );

  metadataTests(suite);
  groupTests(suite);
  closeTests(suite);
  ownerTests(suite);
}

function metadataTests(suite: Suite): void {
  suite.test(
    'a restart restores the metadata: 64-bit ids, extra bytes, the limit',
    async (world) => {
      const extra = Uint8Array.of(0, 1, 255);
      const given = { clusterId: 2n ** 64n - 1n, nodeId: 2n ** 63n, entryBytesMax: 4096, extra };
      const { metadata: created } = await world.create(given);
      extra.fill(9);
      const { metadata } = await world.restart();
      for (const { clusterId, nodeId, entryBytesMax, extra: bytes } of [created, metadata]) {
        suite.expect([clusterId, nodeId, entryBytesMax]).toEqual([2n ** 64n - 1n, 2n ** 63n, 4096]);
        suite.expect([...(bytes ?? [])]).toEqual([0, 1, 255]);
      }
    },
  );

  suite.test('ids may be given as safe integers', async (world) => {
    await world.create({ clusterId: 2 ** 53 - 1, nodeId: 5 });
    const { metadata } = await world.restart({ expect: { clusterId: 2n ** 53n - 1n, nodeId: 5 } });
    suite.expect([metadata.clusterId, metadata.nodeId]).toEqual([2n ** 53n - 1n, 5n]);
    suite.expect(metadata.extra === undefined || metadata.extra.length === 0).toBe(true);
  });

  suite.test('a log of another cluster, node or limit is not opened', async (world) => {
    const opened = await world.create({ clusterId: 7n, nodeId: 8n });
    await opened.wal.save({ entries: entries(1, 3, 1) });
    const before = contentOf(opened);
    await world.close();
    const manager = await world.manager();
    for (const expect of [
      { clusterId: 6 },
      { nodeId: 7n },
      { entryBytesMax: 5000 },
      { clusterId: 7n, nodeId: 9 },
    ]) {
      const refused = manager.replayWal({ expect });
      suite
        .expect(await rejectionOf(refused), Object.keys(expect).join())
        .toBe('WAL_METADATA_MISMATCH');
    }
    // A refused replay must leave no file open.
    const again = await world.replay({ expect: { clusterId: 7n, nodeId: 8n } });
    suite.expect(contentOf(again)).toEqual(before);
  });
}

function groupTests(suite: Suite): void {
  const groups = [0n, 1n, 2n ** 64n - 1n];

  suite.test('the logs of several groups in one directory are independent', async (world) => {
    const manager = await world.manager();
    for (const groupId of groups) {
      suite.expect(await manager.hasExistingWal({ groupId })).toBe(false);
      const { wal } = await world.create({ clusterId: 1n, nodeId: groupId }, { groupId });
      suite.expect(wal.groupId).toBe(groupId);
      const term = Number(groupId % 5n) + 1;
      await wal.save({
        entries: entries(1, 9, term),
        hardState: { term, vote: groupId, commit: 9 },
      });
      await wal.saveSnapshot(marker(term + 1, term, groupId));
    }
    suite.expect(await manager.hasExistingWal({ groupId: 2n })).toBe(false);
    suite.expect(await rejectionOf(manager.findSnapshots({ groupId: 2n }))).toBe('WAL_NOT_FOUND');
    suite.expect(await rejectionOf(manager.replayWal({ groupId: 2n }))).toBe('WAL_NOT_FOUND');
    await world.close();
    await (await world.replay({ groupId: 1 })).wal.purge(6);
    await world.close();
    for (const groupId of groups) {
      const term = Number(groupId % 5n) + 1;
      const manager = await world.manager();
      const found = await manager.findSnapshots({ groupId });
      const purged = groupId === 1n && suite.target.capabilities.exactPurge;
      suite.expect(found.map(({ index }) => index)).toEqual(purged ? [] : [term + 1]);
      const { storage, metadata, hardState, wal } = await world.replay({ groupId });
      suite
        .expect([metadata.nodeId, hardState.vote, wal.groupId])
        .toEqual([groupId, groupId, groupId]);
      const first = groupId === 1n ? 7 : 1;
      suite
        .expect(texts(storage.entries(first, 10, Infinity)))
        .toEqual(texts(entries(first, 9, term)));
    }
  });

  suite.test('groups write at the same time', async (world) => {
    const opened = await Promise.all(
      groups.map((groupId) => world.create(sampleMetadata, { groupId })),
    );
    const saves: Promise<void>[] = [];
    for (let index = 1; index <= 30; index += 1) {
      for (const [at, { wal }] of opened.entries())
        saves.push(wal.save({ entries: [entry(index, at + 1)] }));
    }
    await Promise.all(saves);
    // Closing the log of one group does not affect the others.
    await opened[0]?.wal.close();
    await opened[1]?.wal.save({ entries: [entry(31, 2)] });
    await world.close();
    for (const [at, groupId] of groups.entries()) {
      const last = groupId === 1n ? 31 : 30;
      const { storage } = await world.replay({ groupId });
      suite.expect(storage.lastIndex()).toBe(last);
      suite
        .expect(texts(storage.entries(1, last + 1, Infinity)))
        .toEqual(texts(entries(1, last, at + 1)));
    }
  });
}

function closeTests(suite: Suite): void {
  suite.test('closing waits for the queued saves and keeps them', async (world) => {
    const { wal } = await world.create();
    const pending = [
      wal.save({ entries: entries(1, 20, 1, 3000) }),
      wal.save({ hardState: { term: 1, vote: 1n, commit: 20 } }),
      wal.save({ hardState: { term: 1, vote: 1n, commit: 20 } }),
    ];
    let resolved = 0;
    const outcomes = pending.map(async (saving) => {
      await saving;
      resolved += 1;
    });
    const closing = wal.close();
    suite.expect(await rejectionOf(wal.save({ entries: [entry(21, 1)] }))).toBe('WAL_CLOSED');
    await closing;
    suite.expect(resolved).toBe(pending.length);
    await Promise.all(outcomes);
    const { storage, hardState } = await world.restart();
    suite.expect(hardState).toEqual({ term: 1, vote: 1n, commit: 20 });
    suite.expect(storage.lastIndex()).toBe(20);
  });

  suite.test('a closed log refuses every call', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 5, 1) });
    const closing = wal.close();
    suite
      .expect(
        failureOf(() => storage.entries(1, 6, Infinity)),
        'while closing',
      )
      .toBe('WAL_CLOSED');
    suite.check(wal.close() === closing, 'a second close returns the same promise');
    await closing;
    await wal.close();
    await wal[Symbol.asyncDispose]();
    suite.expect(await rejectionOf(wal.save({}))).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(wal.saveSnapshot(marker(1, 1)))).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(wal.purge(0))).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(wal.sync())).toBe('WAL_CLOSED');
    for (const read of [
      () => storage.firstIndex(),
      () => storage.lastIndex(),
      () => storage.term(1),
      () => storage.entries(1, 2, Infinity),
      () => storage.initialState(),
      () => storage.snapshot(),
      () => storage.compact(1),
    ]) {
      suite.expect(failureOf(read)).toBe('WAL_CLOSED');
    }
  });

  suite.test('closing a manager closes its logs', async (world) => {
    const { wal } = await world.create();
    const manager = await world.manager();
    const saving = wal.save({ entries: entries(1, 5, 1) });
    const closing = manager.close();
    suite.check(manager.close() === closing, 'a second close returns the same promise');
    await Promise.all([saving, closing, manager[Symbol.asyncDispose]()]);
    suite.expect(await rejectionOf(wal.save({}))).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(manager.hasExistingWal())).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(manager.createWal(sampleMetadata))).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(manager.findSnapshots())).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(manager.replayWal())).toBe('WAL_CLOSED');
    suite.expect((await world.restart()).storage.lastIndex()).toBe(5);
  });
}

function ownerTests(suite: Suite): void {
  suite.test('a log that is open cannot be opened again', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 3, 1) });
    const manager = await world.manager();
    suite.expect(await rejectionOf(manager.replayWal())).toBe('WAL_LOCKED');
    await wal.save({ entries: [entry(4, 1)] });
    await wal.close();
    suite.expect((await world.replay()).storage.lastIndex()).toBe(4);
  });

  if (!suite.target.capabilities.durable) {
    suite.notTested(
      'a directory has one manager at a time',
      'no other manager can open a log in memory',
    );
    return;
  }
  suite.test('a directory has one manager at a time', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 3, 1) });
    const intrude = async (): Promise<void> => {
      const second = await world.harness.open();
      try {
        await second.replayWal();
      } finally {
        await second.close();
      }
    };
    suite.expect(await rejectionOf(intrude())).toBe('WAL_LOCKED');
    await wal.save({ entries: [entry(4, 1)] });
    suite.expect((await world.restart()).storage.lastIndex()).toBe(4);
  });
}
