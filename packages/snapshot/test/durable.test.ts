/** The files on disk between two openings, and what the opening does with them. */
import { simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
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
  fails,
  filesOf,
  indexes,
  joined,
  make,
  metadataOf,
  sampleFiles,
} from './support.ts';
import { groupFolder, nameOf } from './disk-manager.ts';

async function opened(
  environment: SimulatedEnvironment,
  options: SnapshotManagerOptions = {},
  groupId = 1n,
): Promise<DurableSnapshotManager> {
  const manager = new DurableSnapshotManager('/snap', { chunkBytes, ...options }, environment);
  await manager.open(groupId);
  return manager;
}

async function otherNode(options: SnapshotManagerOptions = {}): Promise<VolatileSnapshotManager> {
  const manager = new VolatileSnapshotManager({ chunkBytes, ...options });
  await manager.open(1n);
  return manager;
}

const linkContent = bytesOf(1500, 9);

describe('opening', () => {
  it('finds the snapshots of an earlier process', async () => {
    const environment = simulatedEnvironment(1);
    const first = await opened(environment);
    for (const index of [10, 20]) await make(first, index);
    const told = first.list();
    await first.close();
    const second = await opened(environment);
    expect(second.list()).toEqual(told);
    expect(await filesOf(second, 20)).toEqual(sampleFiles(20));
    await second.close();
  });

  it('keeps groups apart', async () => {
    const environment = simulatedEnvironment(1);
    const managers = [await opened(environment), await opened(environment, {}, 0xffn)];
    for (const [at, manager] of managers.entries()) await make(manager, 10 + at);
    expect(managers.map(indexes)).toEqual([[10], [11]]);
    for (const manager of managers) await manager.close();
    const names = (await environment.fileSystem.list('/snap')).map((entry) => entry.name);
    expect(names).toEqual(['group-0000000000000001', 'group-00000000000000ff']);
    // A folder that was moved to another group is refused there.
    const from = `/snap/group-00000000000000ff/${nameOf(11)}`;
    await environment.fileSystem.makeDirectory(`${groupFolder}/${nameOf(11)}`);
    for (const path of environment.fileSystem.surgery.files()) {
      if (!path.startsWith(from)) continue;
      environment.fileSystem.surgery.copy(
        path,
        path.replace('00000000000000ff', '0000000000000001'),
      );
    }
    const again = await opened(environment);
    expect(indexes(again)).toEqual([10]);
    await again.close();
  });

  it('is refused while another manager has the folder', async () => {
    const environment = simulatedEnvironment(1);
    const first = await opened(environment);
    const second = new DurableSnapshotManager('/snap', {}, environment);
    await fails('SNAPSHOT_LOCKED', second.open(1n));
    await second.close();
    await make(first, 10);
    await first.close();
    await (await opened(environment)).close();
  });

  it('removes leftovers and leaves foreign files alone', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    await (await opened(environment)).close();
    for (const left of [`${nameOf(5)}.tmp`, `${nameOf(6)}.gone`, 'notes', '12-13']) {
      await disk.makeDirectory(`${groupFolder}/${left}`);
      disk.surgery.put(`${groupFolder}/${left}/file`, bytesOf(9));
    }
    disk.surgery.put(`${groupFolder}/README`, bytesOf(9));
    const manager = await opened(environment);
    expect(manager.list()).toEqual([]);
    const names = (await disk.list(groupFolder)).map((entry) => entry.name);
    expect(names).toEqual(['12-13', 'LOCK', 'README', 'notes']);
    await manager.close();
  });

  it('keeps only the newest two damaged ones', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    const manager = await opened(environment);
    for (let index = 1; index <= 6; index += 1) await make(manager, index);
    await manager.close();
    for (let index = 1; index <= 5; index += 1) {
      disk.surgery.flipBit(`${groupFolder}/${nameOf(index)}/snapshot`, 99);
    }
    const again = await opened(environment);
    expect(indexes(again)).toEqual([6]);
    const names = (await disk.list(groupFolder)).map((entry) => entry.name);
    expect(names.filter((each) => each.endsWith('.damaged'))).toEqual([
      `${nameOf(4)}.damaged`,
      `${nameOf(5)}.damaged`,
    ]);
    await again.close();
  });
});

describe('resuming', () => {
  it('continues after a restart with the stored bytes', async () => {
    const environment = simulatedEnvironment(1);
    const source = await otherNode();
    const made = await make(source, 10);
    const whole = await joined(source.send(made.metadata));
    const first = await opened(environment);
    const stream = asStream([whole.subarray(0, 1200)]);
    await fails('SNAPSHOT_CORRUPT', first.receive(made.metadata, made.manifest, stream));
    await first.close();
    const second = await opened(environment);
    const offset = await second.received(made.manifest);
    expect(offset).toBeGreaterThan(600);
    await second.receive(made.metadata, made.manifest, source.send(made.metadata, offset));
    expect(await filesOf(second, 10)).toEqual(sampleFiles(10));
    await second.close();
  });

  it('uses no byte of an interrupted transfer that was damaged meanwhile', async () => {
    const source = await otherNode();
    const made = await make(source, 10);
    const whole = await joined(source.send(made.metadata));
    for (let byte = 0; byte < 1100; byte += 37) {
      const environment = simulatedEnvironment(1);
      const disk = environment.fileSystem;
      const manager = await opened(environment);
      const stream = asStream([whole.subarray(0, 1200)]);
      await fails('SNAPSHOT_CORRUPT', manager.receive(made.metadata, made.manifest, stream));
      const parts = disk.surgery.files().filter((path) => path.includes('.part/'));
      const path = parts[byte % parts.length] ?? '';
      const { length } = disk.surgery.contents(path);
      if (length > 0) disk.surgery.flipBit(path, 8 * (byte % length));
      const offset = await manager.received(made.manifest);
      await manager.receive(made.metadata, made.manifest, source.send(made.metadata, offset));
      expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
      await manager.close();
    }
  });

  it('starts again when the same snapshot is stored in another form', async () => {
    const environment = simulatedEnvironment(1);
    const plain = await otherNode();
    const packed = await otherNode({ compression: 'deflate' });
    const [made, other] = [await make(plain, 10), await make(packed, 10)];
    expect(other.id).toBe(made.id);
    expect(other.bytes).toBeLessThan(made.bytes);
    const manager = await opened(environment);
    const whole = await joined(plain.send(made.metadata));
    const stream = asStream([whole.subarray(0, 1200)]);
    await fails('SNAPSHOT_CORRUPT', manager.receive(made.metadata, made.manifest, stream));
    expect(await manager.received(made.manifest)).toBeGreaterThan(600);
    expect(await manager.received(other.manifest)).toBe(0);
    await manager.receive(other.metadata, other.manifest, packed.send(other.metadata));
    expect(await filesOf(manager, 10)).toEqual(sampleFiles(10));
    await manager.close();
  });

  it('is not possible for a transfer that is older than a snapshot or another transfer', async () => {
    const environment = simulatedEnvironment(1);
    const source = await otherNode();
    const manager = await opened(environment);
    const interrupt = async (index: number): Promise<Uint8Array> => {
      const made = await make(source, index);
      const part = asStream([(await joined(source.send(made.metadata))).subarray(0, 1200)]);
      await fails('SNAPSHOT_CORRUPT', manager.receive(made.metadata, made.manifest, part));
      return made.manifest;
    };
    const first = await interrupt(10);
    const second = await interrupt(20);
    expect(await manager.received(first)).toBe(0);
    expect(await manager.received(second)).toBeGreaterThan(0);
    await make(manager, 30);
    await manager.close();
    const again = await opened(environment);
    expect(await again.received(second)).toBe(0);
    expect(environment.fileSystem.surgery.files().join()).not.toContain('.part');
    await again.close();
  });
});

describe('files outside', () => {
  async function withLink(
    environment: SimulatedEnvironment,
    options: SnapshotManagerOptions = {},
  ): Promise<DurableSnapshotManager> {
    const { fileSystem } = environment;
    await fileSystem.makeDirectory('/state');
    const file = await fileSystem.open('/state/table', 'create');
    await file.write(linkContent, 0);
    await file.close();
    const manager = await opened(environment, options);
    await manager.create(metadataOf(10), async (writer) => {
      await writer.writeFile('main', [bytesOf(3)]);
      await writer.linkFile('table', '/state/table');
    });
    return manager;
  }

  it('are read where they are, and are received as files inside', async () => {
    const environment = simulatedEnvironment(1);
    const manager = await withLink(environment, { compression: 'deflate' });
    const [stored] = manager.list();
    expect(stored?.linkedPaths).toEqual(['/state/table']);
    expect(await filesOf(manager, 10)).toEqual({ main: bytesOf(3), table: linkContent });
    expect(await manager.verify(metadataOf(10))).toBe(true);
    const inFolder = environment.fileSystem.surgery
      .files()
      .filter((path) => path.includes(nameOf(10)))
      .reduce((sum, path) => sum + environment.fileSystem.surgery.contents(path).length, 0);
    expect(inFolder).toBeLessThan(600);
    const there = await otherNode();
    const received = await there.receive(
      metadataOf(10),
      stored?.manifest ?? new Uint8Array(),
      manager.send(metadataOf(10)),
    );
    expect(received).toEqual({ ...stored, linkedPaths: [] });
    expect(await filesOf(there, 10)).toEqual({ main: bytesOf(3), table: linkContent });
    const inside = await otherNode();
    const same = await make(inside, 10, { main: bytesOf(3), table: linkContent });
    expect(same.id).toBe(stored?.id);
    await manager.retain(1);
    await manager.close();
    expect(environment.fileSystem.surgery.contents('/state/table')).toEqual(linkContent);
  });

  it('are as durable as their snapshot', async () => {
    const environment = simulatedEnvironment(1);
    await withLink(environment);
    for (let seed = 1; seed <= 20; seed += 1) {
      const after = simulatedEnvironment(2, environment.fileSystem.crash(seed));
      const manager = await opened(after);
      expect(await filesOf(manager, 10)).toEqual({ main: bytesOf(3), table: linkContent });
    }
  });

  it('that were changed or removed are damage of the snapshot', async () => {
    const changed = simulatedEnvironment(1);
    const manager = await withLink(changed);
    changed.fileSystem.surgery.flipBit('/state/table', 8000);
    await fails('SNAPSHOT_CORRUPT', filesOf(manager, 10));
    expect(await manager.verify(metadataOf(10))).toBe(false);
    await manager.close();
    const removed = simulatedEnvironment(1);
    await (await withLink(removed)).close();
    await removed.fileSystem.unlink('/state/table');
    const again = await opened(removed);
    expect(again.list()).toEqual([]);
    await again.close();
  });

  it('are refused if they are invalid', async () => {
    const environment = simulatedEnvironment(1);
    const manager = await opened(environment);
    const link = (path: string): Promise<unknown> =>
      manager.create(metadataOf(10), (writer) => writer.linkFile('a', path));
    for (const path of ['relative', '/none', '/snap', ''])
      await fails('SNAPSHOT_INVALID', link(path));
    const inMemory = await otherNode();
    const create = inMemory.create(metadataOf(10), (writer) =>
      writer.linkFile('a', '/state/table'),
    );
    await fails('SNAPSHOT_INVALID', create);
    await manager.close();
    expect(environment.fileSystem.openPaths).toEqual([]);
  });
});
