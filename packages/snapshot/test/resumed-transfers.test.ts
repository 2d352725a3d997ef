/**
 * A transfer that was interrupted resumes at the offset that the receiver has. Opening a snapshot
 * manager keeps the received part of a snapshot, unless another format version wrote it.
 */
import { simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { seal } from '../src/format/byte-reader.ts';
import { chunkHeadBytes } from '../src/format/manifest.ts';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { asStream, bytesOf, chunkBytes, fails, joined, make, metadataOf } from './support.ts';

const group = '/snap/group-0000000000000001';

let disk: SimulatedDisk;
let manager: DurableSnapshotManager;

async function opened(): Promise<DurableSnapshotManager> {
  const one = new DurableSnapshotManager('/snap', { chunkBytes }, { fileSystem: disk });
  await one.open(1n);
  return one;
}

beforeEach(async () => {
  disk = simulatedEnvironment(1).fileSystem;
  manager = await opened();
});

/** Receives the first bytes of a snapshot, and returns the name of the part that is left. */
async function interrupted(index: number): Promise<string> {
  const source = new VolatileSnapshotManager({ chunkBytes });
  await source.open(1n);
  const stored = await make(source, index, { state: bytesOf(700) });
  const bytes = (await joined(source.send(stored.metadata))).subarray(0, 600);
  const receiving = manager.receive(stored.metadata, stored.manifest, asStream([bytes]));
  await fails('SNAPSHOT_CORRUPT', receiving);
  return `${stored.id}.part`;
}

const parts = async (): Promise<string[]> =>
  (await disk.list(group)).map(({ name }) => name).filter((name) => name.endsWith('.part'));

describe('the sender of a linked file', () => {
  it('goes on from each byte around the borders of its chunks', async () => {
    disk.surgery.put('/table', bytesOf(3 * chunkBytes + 20));
    await manager.create(metadataOf(10), (files) => files.linkFile('table', '/table'));
    const whole = await joined(manager.send(metadataOf(10)));
    const storedChunkBytes = chunkHeadBytes + chunkBytes;
    for (const chunk of [0, 1, 2, 3]) {
      for (const within of [0, 1, chunkHeadBytes, chunkHeadBytes + 1, chunkHeadBytes + 19]) {
        const offset = chunk * storedChunkBytes + within;
        const rest = await joined(manager.send(metadataOf(10), offset));
        expect(Buffer.compare(rest, whole.subarray(offset)), `from byte ${offset}`).toBe(0);
      }
    }
  });
});

describe('the part of an interrupted transfer', () => {
  it('is kept at an opening also where its snapshot has index 1', async () => {
    const part = await interrupted(1);
    await manager.close();
    manager = await opened();
    expect(await parts()).toEqual([part]);
  });

  it('is removed at an opening where another version of the format wrote it', async () => {
    const part = await interrupted(30);
    await manager.close();
    const path = `${group}/${part}/snapshot`;
    const metadata = disk.surgery.contents(path).slice();
    const version = new DataView(metadata.buffer).getUint32(8);
    new DataView(metadata.buffer).setUint32(8, version + 1);
    disk.surgery.put(path, seal(metadata));
    manager = await opened();
    expect(await parts()).toEqual([]);
  });
});
