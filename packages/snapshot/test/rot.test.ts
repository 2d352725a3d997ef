/**
 * Damage at rest: a bit of every byte, a cut at every length, and files that are missing, swapped
 * or from another snapshot. A damaged byte is never returned, and the previous snapshot stays. Some
 * of the folders were written by overlapping calls. `BABUZA_ROT_SEEDS` is their number,
 * `BABUZA_SEED` the first seed.
 */
import {
  RandomSchedule,
  runScheduled,
  simulatedEnvironment,
  type SimulatedDisk,
} from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import {
  DurableSnapshotManager,
  VolatileSnapshotManager,
  type SnapshotManagerOptions,
} from '../src/index.ts';
import {
  asStream,
  bytesOf,
  chunkBytes,
  filesOf,
  indexes,
  joined,
  make,
  metadataOf,
  sampleFiles,
  type Files,
} from './support.ts';
import { groupFolder, nameOf } from './disk-manager.ts';

const folderOf = (index: number): string => `${groupFolder}/${nameOf(index)}`;
const at = (index: number): { index: number; term: number } => ({ index, term: 1 });
const overlappingCount = Number(process.env['BABUZA_ROT_SEEDS'] ?? 4);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);
/** In folders that overlapping calls have written one of this many bytes is damaged. */
const stride = process.env['BABUZA_ROT'] === 'every' ? 1 : 23;
const files = { a: bytesOf(chunkBytes + 9, 4), b: new Uint8Array(40).fill(7) };

/** Makes the snapshots 10 and 20. The second one optionally links a file outside. */
async function diskWithTwo(
  options: SnapshotManagerOptions = {},
  links = false,
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(1);
  const disk = environment.fileSystem;
  const manager = new DurableSnapshotManager('/snap', { chunkBytes, ...options }, environment);
  await manager.open(1n);
  await make(manager, 10);
  disk.surgery.put('/snap/linked', bytesOf(600, 5));
  await manager.create(metadataOf(20), async (writer) => {
    for (const [name, content] of Object.entries(files)) await writer.writeFile(name, [content]);
    if (links) await writer.linkFile('linked', '/snap/linked');
  });
  await manager.close();
  return disk;
}

/**
 * Makes the same snapshots with overlapping calls: one of them is made while the other one is
 * received, a third one is read, held open and removed, and an identity record is written.
 */
async function diskOfOverlappingCalls(seed: number): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(seed);
  const disk = environment.fileSystem;
  const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
  const other = new VolatileSnapshotManager({ chunkBytes });
  await other.open(1n);
  const receivedIndex = seed % 2 === 0 ? 20 : 10;
  const contentOf = (index: number): Files => (index === 20 ? files : sampleFiles(10));
  const { metadata, manifest } = await make(other, receivedIndex, contentOf(receivedIndex));
  const stream = await joined(other.send(metadata));
  const madeIndex = 30 - receivedIndex;
  const callers = [
    () => make(manager, madeIndex, contentOf(madeIndex)),
    () => manager.receive(metadata, manifest, asStream([stream])),
    async () => {
      await using held = await manager.read(at(5));
      await disk.step('5 is held');
      await manager.remove(held.snapshot.metadata);
    },
    () => manager.writeIdentity(bytesOf(40)),
  ];
  const work = async (): Promise<void> => {
    await manager.open(1n);
    await make(manager, 5);
    // The newest one cannot be removed, so it is removed when the others exist.
    await make(manager, 6);
    const running = callers.map(async (call, number) => {
      await disk.step(`caller ${number}`);
      await call();
    });
    await Promise.all(running);
    await manager.retain(2);
    await manager.close();
  };
  const { outcome } = await runScheduled(environment, work, {
    schedule: new RandomSchedule(seed),
  });
  expect(outcome).toBe('finished');
  return disk;
}

/** Opens a copy of the disk after `damage`, and checks what the manager reports. */
async function expectNoticed(
  whole: SimulatedDisk,
  context: string,
  damage: (disk: SimulatedDisk) => void,
  thorough = true,
): Promise<'at opening' | 'when read'> {
  const disk = whole.kill(1);
  damage(disk);
  const manager = new DurableSnapshotManager('/snap', {}, simulatedEnvironment(2, disk));
  await manager.open(1n);
  const opened = indexes(manager);
  if (opened.length === 2) {
    await using open = await manager.read(at(20));
    for (const name of open.fileNames) {
      const got: Uint8Array[] = [];
      try {
        for await (const chunk of open.readFile(name)) got.push(chunk);
      } catch (error) {
        expect(error, context).toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
      }
      // Bytes that were returned before the damage are right.
      const expected = name === 'linked' ? bytesOf(600, 5) : files[name === 'a' ? 'a' : 'b'];
      const bytes = Buffer.concat(got);
      expect(Buffer.compare(bytes, expected.subarray(0, bytes.length)), context).toBe(0);
    }
    await expect(joined(manager.send(at(20))), context).rejects.toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
    });
    expect(await manager.verify(at(20)), context).toBe(false);
  }
  expect(indexes(manager), context).toEqual([10]);
  expect(await manager.verify(at(20)), context).toBe(false);
  expect(disk.surgery.files().join(), context).toContain('.damaged');
  if (thorough) {
    expect(await manager.verify(at(10)), context).toBe(true);
    await make(manager, 20, { again: bytesOf(3) });
    expect(await filesOf(manager, 20), context).toEqual({ again: bytesOf(3) });
  }
  await manager.close();
  expect(disk.openPaths, context).toEqual([]);
  return opened.length === 2 ? 'when read' : 'at opening';
}

describe('rot', () => {
  for (const [name, options, links] of [
    ['plain', {}, false],
    ['compressed', { compression: 'deflate' }, false],
    ['with a file outside', {}, true],
  ] as const) {
    it(`of any byte is noticed: ${name}`, async () => {
      const whole = await diskWithTwo(options, links);
      const seen = new Set<string>();
      const paths = whole.surgery
        .files()
        .filter((path) => path.startsWith(folderOf(20)) || (links && path === '/snap/linked'));
      expect(paths).toHaveLength(links ? 5 : 3);
      for (const path of paths) {
        const { length } = whole.surgery.contents(path);
        for (let byte = 0; byte < length; byte += name === 'plain' ? 1 : 4) {
          const context = `${path}, byte ${byte}`;
          seen.add(
            await expectNoticed(
              whole,
              context,
              (disk) => {
                disk.surgery.flipBit(path, 8 * byte + (byte % 8));
              },
              byte % 64 === 0,
            ),
          );
        }
      }
      expect([...seen].sort()).toEqual(['at opening', 'when read']);
    });
  }

  it(`of folders that overlapping calls have written is noticed: ${overlappingCount} of them`, async () => {
    for (let seed = firstSeed; seed < firstSeed + overlappingCount; seed += 1) {
      const whole = await diskOfOverlappingCalls(seed);
      const paths = whole.surgery.files().filter((path) => path.startsWith(folderOf(20)));
      expect(paths).toHaveLength(3);
      for (const path of paths) {
        const { length } = whole.surgery.contents(path);
        for (let byte = seed % stride; byte < length; byte += stride) {
          const bit = 8 * byte + (byte % 8);
          const flip = (disk: SimulatedDisk): void => disk.surgery.flipBit(path, bit);
          const cut = (disk: SimulatedDisk): void => disk.surgery.cut(path, byte);
          const context = `seed ${seed}, ${path}, byte ${byte}`;
          await expectNoticed(whole, `${context} changed`, flip, byte % 8 === 0);
          expect(await expectNoticed(whole, `${context} and all behind it are gone`, cut)).toBe(
            'at opening',
          );
        }
      }
    }
  });

  it('that cuts or lengthens a file is noticed at opening', async () => {
    const whole = await diskWithTwo({}, true);
    for (const path of whole.surgery.files()) {
      if (!path.startsWith(folderOf(20)) && path !== '/snap/linked') continue;
      const { length } = whole.surgery.contents(path);
      for (let bytes = 0; bytes <= length + 8; bytes += 7) {
        if (bytes === length) continue;
        const noticed = await expectNoticed(whole, `${path} cut to ${bytes}`, (disk) => {
          disk.surgery.cut(path, bytes);
        });
        expect(noticed).toBe('at opening');
      }
      const removed = await expectNoticed(whole, `${path} removed`, (disk) => {
        disk.surgery.remove(path);
      });
      expect(removed).toBe('at opening');
    }
  });

  it('that mixes files and snapshots is noticed', async () => {
    const whole = await diskWithTwo();
    const [a, b] = [`${folderOf(20)}/file-0001`, `${folderOf(20)}/file-0002`];
    await expectNoticed(whole, 'exchanged', (disk) => disk.surgery.swap(a, b));
    const other = `${folderOf(10)}/snapshot`;
    await expectNoticed(whole, 'metadata of another', (disk) => {
      disk.surgery.copy(other, `${folderOf(20)}/snapshot`);
    });
    await expectNoticed(whole, 'a chunk of zeros', (disk) => disk.surgery.zero(a, 0, 520));
  });

  it('of chunks that are swapped is noticed before they are returned', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
    await manager.open(1n);
    // Two files of the same size with two chunks of the same size each differ only in their
    // checksums.
    const content = { a: bytesOf(1024, 1), b: bytesOf(1024, 2) };
    await make(manager, 10, content);
    await make(manager, 20, { a: bytesOf(1024, 3), b: content.b });
    const path = `${folderOf(20)}/file-0001`;
    const original = disk.surgery.contents(path);
    const first = async (): Promise<unknown> => {
      await using open = await manager.read(at(20));
      return await open.readFile('a')[Symbol.asyncIterator]().next();
    };
    const chunks = [original.slice(520), original.slice(0, 520)];
    disk.surgery.put(path, Buffer.concat(chunks));
    await expect(first()).rejects.toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
    for (const [index, name] of [
      [20, 'file-0002'],
      [10, 'file-0001'],
    ] as const) {
      disk.surgery.put(path, disk.surgery.contents(`${folderOf(index)}/${name}`));
      await expect(first()).rejects.toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
    }
    disk.surgery.put(path, original);
    expect(await first()).toMatchObject({ done: false });
    await manager.close();
  });

  it('in a snapshot of an earlier process is found before it replaces one that is made or received', async () => {
    const source = new DurableSnapshotManager('/other', { chunkBytes }, simulatedEnvironment(3));
    await source.open(1n);
    const made = await make(source, 20, files);
    const damaged = async (): Promise<DurableSnapshotManager> => {
      const disk = (await diskWithTwo()).kill(1);
      disk.surgery.flipBit(`${folderOf(20)}/file-0001`, 99);
      const options = { chunkBytes };
      const manager = new DurableSnapshotManager('/snap', options, simulatedEnvironment(2, disk));
      await manager.open(1n);
      return manager;
    };
    const again = await damaged();
    await make(again, 20, { again: bytesOf(3) });
    expect(await filesOf(again, 20)).toEqual({ again: bytesOf(3) });
    const receiver = await damaged();
    expect(await receiver.received(made.manifest)).toBe(0);
    await receiver.receive(made.metadata, made.manifest, source.send(at(20)));
    expect(await filesOf(receiver, 20)).toEqual(files);
    const unasked = await damaged();
    await unasked.receive(made.metadata, made.manifest, source.send(at(20)));
    expect(await filesOf(unasked, 20)).toEqual(files);
    for (const manager of [source, again, receiver, unasked]) await manager.close();
  });

  it('is not reported for a disk that fails to read', async () => {
    const disk = await diskWithTwo();
    const manager = new DurableSnapshotManager('/snap', {}, simulatedEnvironment(2, disk));
    await manager.open(1n);
    disk.surgery.makeUnreadable(`${folderOf(20)}/file-0001`, 0, 1);
    await expect(manager.verify(at(20))).rejects.toMatchObject({ code: 'SNAPSHOT_READ_FAILED' });
    await expect(filesOf(manager, 20)).rejects.toMatchObject({ code: 'SNAPSHOT_READ_FAILED' });
    disk.surgery.makeReadable(`${folderOf(20)}/file-0001`);
    expect(await manager.verify(at(20))).toBe(true);
    disk.surgery.makeUnreadable(`${folderOf(20)}/snapshot`, 0, 1);
    await manager.close();
    const second = new DurableSnapshotManager('/snap', {}, simulatedEnvironment(3, disk));
    await expect(second.open(1n)).rejects.toMatchObject({ code: 'SNAPSHOT_READ_FAILED' });
    await second.close();
    expect(disk.surgery.files().join()).not.toContain('damaged');
  });
});
