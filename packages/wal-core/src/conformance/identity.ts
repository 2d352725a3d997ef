/** The identity in the metadata of a log, and the identity record beside the log. */
import { identityBytesMax, identityRecordBytesMax, metadataExtraBytesMax } from '../options.ts';
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, payload } from './samples.ts';
import { sampleMetadata, type Suite, type World } from './suite.ts';

export function identityTests(suite: Suite): void {
  metadataTests(suite);
  recordTests(suite);
  orderTests(suite);
  refusalTests(suite);
}

function metadataTests(suite: Suite): void {
  suite.test(
    'a restart restores the identity of the metadata and the extra bytes',
    async (world) => {
      for (const [at, [identityBytes, extraBytes]] of [
        [0, 0],
        [1, undefined],
        [identityBytesMax - 1, metadataExtraBytesMax - 1],
        [identityBytesMax, metadataExtraBytesMax],
        [undefined, 7],
        [undefined, undefined],
      ].entries()) {
        const groupId = BigInt(at);
        const identity = identityBytes === undefined ? undefined : payload(1, 1, identityBytes);
        const extra = extraBytes === undefined ? undefined : payload(2, 2, extraBytes);
        const given = [listOf(identity), listOf(extra)];
        const created = await world.create({ ...sampleMetadata, identity, extra }, { groupId });
        identity?.fill(9);
        extra?.fill(9);
        suite
          .expect([listOf(created.metadata.identity), listOf(created.metadata.extra)])
          .toEqual(given);
        await created.wal.save({ entries: entries(1, 3, 1) });
        const { metadata } = await world.restart({ groupId });
        suite.expect([listOf(metadata.identity), listOf(metadata.extra)]).toEqual(given);
      }
    },
  );

  suite.test(
    'the identity of the metadata survives a purge and an installed snapshot',
    async (world) => {
      const identity = payload(3, 3, identityBytesMax);
      const { wal } = await world.create({ ...sampleMetadata, identity });
      await wal.save({
        entries: entries(1, 200, 1, 500),
        hardState: { term: 1, vote: 0n, commit: 200 },
      });
      await wal.saveSnapshot(marker(150, 1));
      await wal.purge(150);
      await wal.save({ snapshot: marker(5000, 2), hardState: { term: 2, vote: 0n, commit: 5000 } });
      const again = await world.restart();
      suite.expect(listOf(again.metadata.identity)).toEqual([...identity]);
      await again.wal.save({ entries: entries(5001, 5100, 2, 500) });
      suite.expect(listOf((await world.restart()).metadata.identity)).toEqual([...identity]);
    },
  );

  suite.test(
    'an identity that is too long or not bytes is refused, and no log is created',
    async (world) => {
      const manager = await world.manager();
      const tooLong = new Uint8Array(identityBytesMax + 1);
      for (const identity of [tooLong, wrongBytes('text'), wrongBytes([1, 2]), wrongBytes(null)]) {
        const refused = manager.createWal({ ...sampleMetadata, identity });
        suite.expect(await rejectionOf(refused)).toBe('WAL_INVALID');
      }
      suite.expect(await manager.hasExistingWal()).toBe(false);
    },
  );
}

function recordTests(suite: Suite): void {
  suite.test(
    'an identity record is absent until it is written, and does not count as a log',
    async (world) => {
      const manager = await world.manager();
      suite.expect(await manager.readIdentity()).toBe(undefined);
      suite
        .expect(await rejectionOf(manager.writeIdentity(Uint8Array.of(1))))
        .toBe('WAL_NOT_FOUND');
      suite.expect(await manager.hasExistingWal()).toBe(false);
      await world.create();
      suite.expect(await manager.readIdentity()).toBe(undefined);
      await world.restart();
      suite.expect(await (await world.manager()).readIdentity()).toBe(undefined);
    },
  );

  suite.test(
    'an identity record of any size can be read after a restart, before and after opening the log',
    async (world) => {
      await world.create();
      for (const bytes of [0, 1, 300, identityRecordBytesMax - 1, identityRecordBytesMax, 2]) {
        const record = payload(bytes, 1, bytes);
        await (await world.manager()).writeIdentity(record);
        suite.expect(sameBytes(await recordOf(world), record), `${bytes} bytes`).toBe(true);
        await world.close();
        suite
          .expect(sameBytes(await recordOf(world), record), `${bytes} bytes, not open`)
          .toBe(true);
        await world.replay();
        suite.expect(sameBytes(await recordOf(world), record), `${bytes} bytes, again`).toBe(true);
      }
    },
  );

  suite.test(
    'an identity record is copied when it is written and when it is read',
    async (world) => {
      await world.create();
      const manager = await world.manager();
      const record = payload(1, 1, 40);
      const given = record.slice();
      const writing = manager.writeIdentity(given);
      given.fill(7);
      await writing;
      (await manager.readIdentity())?.fill(8);
      suite.expect(listOf(await manager.readIdentity())).toEqual([...record]);
    },
  );

  suite.test('an identity record and the log do not affect each other', async (world) => {
    const opened = await world.create();
    const manager = await world.manager();
    const record = payload(4, 4, 900);
    await Promise.all([
      opened.wal.save({ entries: entries(1, 100, 1, 500), hardState: hardStateAt(80) }),
      manager.writeIdentity(record),
      opened.wal.save({ entries: entries(101, 150, 1, 500) }),
    ]);
    await opened.wal.saveSnapshot(marker(60, 1));
    const content = contentOf(opened);
    const again = await world.restart();
    suite.expect(contentOf(again)).toEqual(content);
    // A purge must not remove the record.
    await again.wal.purge(60);
    suite.expect(listOf(await recordOf(world))).toEqual([...record]);
    suite
      .expect((await (await world.manager()).findSnapshots()).map(({ index }) => index))
      .toEqual([60]);
  });

  suite.test('each group has an identity record of its own', async (world) => {
    const manager = await world.manager();
    const groups = [0n, 1n, 2n ** 64n - 1n];
    for (const groupId of groups) await world.create(sampleMetadata, { groupId });
    await Promise.all(
      groups.map((groupId, at) => manager.writeIdentity(Uint8Array.of(at), { groupId })),
    );
    await manager.writeIdentity(Uint8Array.of(9), { groupId: 1n });
    await world.close();
    const again = await world.manager();
    const records = await Promise.all(groups.map((groupId) => again.readIdentity({ groupId })));
    suite.expect(records.map(listOf)).toEqual([[0], [9], [2]]);
    suite.expect(await again.readIdentity({ groupId: 5n })).toBe(undefined);
  });
}

function orderTests(suite: Suite): void {
  suite.test(
    'concurrent writes of identity records take effect in the order of the calls',
    async (world) => {
      await world.create();
      const manager = await world.manager();
      const order: number[] = [];
      const seen: Promise<void>[] = [];
      const writes = Array.from({ length: 12 }, async (_, at) => {
        const writing = manager.writeIdentity(payload(at, 1, at * 100));
        seen.push(manager.readIdentity().then((bytes) => void order.push(bytes?.length ?? -1)));
        await writing;
      });
      await Promise.all([...writes, ...seen]);
      suite
        .expect(order.every((bytes, at) => at === 0 || bytes >= (order[at - 1] ?? 0)))
        .toBe(true);
      suite.expect((await manager.readIdentity())?.length).toBe(1100);
      await world.restart();
      suite.expect((await recordOf(world))?.length).toBe(1100);
    },
  );

  suite.test(
    'closing a manager waits for the identity record that is being written',
    async (world) => {
      await world.create();
      const writing = (await world.manager()).writeIdentity(Uint8Array.of(5));
      await world.close();
      const code = await rejectionOf(writing);
      suite.check(code === undefined || code === 'WAL_CLOSED', `written or refused: ${code}`);
      const stored = listOf(await recordOf(world));
      suite.expect(stored).toEqual(code === undefined ? [5] : undefined);
    },
  );
}

function refusalTests(suite: Suite): void {
  suite.test('a refused identity record leaves the record before it', async (world) => {
    const opened = await world.create();
    const manager = await world.manager();
    await manager.writeIdentity(Uint8Array.of(1, 2));
    const tooLong = new Uint8Array(identityRecordBytesMax + 1);
    for (const bytes of [tooLong, wrongBytes('text'), wrongBytes(undefined), wrongBytes([1])]) {
      suite.expect(await rejectionOf(manager.writeIdentity(bytes))).toBe('WAL_INVALID');
    }
    suite
      .expect(await rejectionOf(manager.writeIdentity(Uint8Array.of(3), { groupId: -1 })))
      .toBe('WAL_INVALID');
    suite.expect(listOf(await manager.readIdentity())).toEqual([1, 2]);
    await opened.wal.save({ entries: [entry(1, 1)] });
    await opened.wal.close();
    suite.expect(await rejectionOf(manager.writeIdentity(Uint8Array.of(3)))).toBe('WAL_CLOSED');
    suite.expect(listOf(await manager.readIdentity())).toEqual([1, 2]);
    await manager.close();
    suite.expect(await rejectionOf(manager.writeIdentity(Uint8Array.of(3)))).toBe('WAL_CLOSED');
    suite.expect(await rejectionOf(manager.readIdentity())).toBe('WAL_CLOSED');
    suite.expect(listOf((await recordAfter(world)) ?? undefined)).toEqual([1, 2]);
  });

  const name = 'a poisoned log refuses an identity record';
  if (suite.target.failsOnDemand !== true)
    return suite.notTested(name, 'the harness cannot provoke it');
  suite.test(name, async (world) => {
    const { wal } = await world.create();
    const manager = await world.manager();
    await manager.writeIdentity(Uint8Array.of(1));
    world.harness.failNextWrite?.('broken');
    suite.expect(await rejectionOf(wal.save({ entries: [entry(1, 1)] }))).toBe('WAL_POISONED');
    suite.expect(await rejectionOf(manager.writeIdentity(Uint8Array.of(2)))).toBe('WAL_POISONED');
    await world.restart();
    suite.expect(listOf(await recordOf(world))).toEqual([1]);
    await (await world.manager()).writeIdentity(Uint8Array.of(3));
    suite.expect(listOf(await recordOf(world))).toEqual([3]);
  });
}

async function recordOf(world: World): Promise<Uint8Array | undefined> {
  return (await world.manager()).readIdentity();
}

/** Reads the record after the test itself closed the manager. */
async function recordAfter(world: World): Promise<Uint8Array | undefined> {
  await world.close();
  return recordOf(world);
}

function listOf(bytes: Uint8Array | undefined): number[] | undefined {
  return bytes === undefined ? undefined : [...bytes];
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a?.length === b.length && b.every((byte, at) => a[at] === byte);
}

function hardStateAt(commit: number): { term: number; vote: bigint; commit: number } {
  return { term: 1, vote: 1n, commit };
}

/** A value that a caller without type checks could pass as bytes. */
function wrongBytes(value: unknown): Uint8Array {
  const holder: { bytes: Uint8Array } = { bytes: new Uint8Array(0) };
  Object.assign(holder, { bytes: value });
  return holder.bytes;
}
