/**
 * The crash model: the states that a power cut and a killed process may leave, and those that they
 * may not.
 */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, crashStates } from '../src/index.ts';

const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

async function diskWithFile(
  contents: Uint8Array,
  options: ConstructorParameters<typeof SimulatedDisk>[0] = {},
): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(options);
  await disk.makeDirectory('/d');
  const file = await disk.open('/d/a', 'create');
  await file.writeDurable([contents], 0);
  await disk.syncDirectory('/d');
  await file.close();
  return disk;
}

/** The distinct results of `look` on the disks after a power cut, sorted. */
function outcomes(
  disk: SimulatedDisk,
  look: (disk: SimulatedDisk) => string,
  options: Parameters<typeof crashStates>[1] = {},
): string[] {
  return [...new Set([...crashStates(disk, options)].map((state) => look(state.disk)))].sort();
}

const names = (disk: SimulatedDisk): string => disk.surgery.files().join(' ');

/** One digit per sector; `-` for a sector whose bytes differ. */
const sectors = (disk: SimulatedDisk): string => {
  const contents = disk.surgery.contents('/d/a');
  let text = '';
  for (let at = 0; at < contents.length; at += 512) {
    const sector = contents.subarray(at, at + 512);
    text += sector.every((byte) => byte === sector[0]) ? String(sector[0]) : '-';
  }
  return text;
};

describe('bytes after a power cut', () => {
  it('may be lost sector by sector until they are synced', async () => {
    const disk = await diskWithFile(filled(1536, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(1024, 2), 0);
    expect(outcomes(disk, sectors)).toEqual(['111', '121', '211', '221']);
  });

  it('are all there after a sync', async () => {
    const disk = await diskWithFile(filled(1536, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(1024, 2), 0);
    await file.datasync();
    expect(outcomes(disk, sectors)).toEqual(['221']);
  });

  it('are not made durable by close, nor by a sync of the directory', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(512, 2), 0);
    await file.close();
    await disk.syncDirectory('/d');
    expect(outcomes(disk, sectors)).toEqual(['1', '2']);
  });

  it('of several writes survive in any combination', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(512, 2), 0);
    await file.write(filled(512, 3), 0);
    expect(outcomes(disk, sectors)).toEqual(['1', '2', '3']);
  });

  it('survive independently of the size that they gave the file', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(1024, 2), 512);
    expect(outcomes(disk, sectors)).toEqual(['1', '100', '102', '120', '122']);
  });

  it('may show garbage in a grown file, if asked for', async () => {
    const disk = await diskWithFile(filled(512, 1), { showsGarbage: true });
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(1024, 2), 512);
    const seen = outcomes(disk, sectors, { exhaustiveMax: 0, samples: 200 });
    expect(seen).toContain('1--');
    expect(seen).toContain('120');
  });

  it('are cut into other pieces on request', async () => {
    for (const [pieceBytes, states] of [
      [4096, 2],
      [512, 4],
      [1, 64],
    ] as const) {
      const disk = await diskWithFile(filled(8, 1), { pieceBytes });
      const file = await disk.open('/d/a', 'write');
      await file.truncate(1024);
      await file.datasync();
      await file.write(filled(6, 2), 509);
      const seen = outcomes(disk, (after) => after.surgery.contents('/d/a').join());
      expect(seen).toHaveLength(states);
    }
  });

  it('stay unsynced when other bytes are written durably', async () => {
    const disk = await diskWithFile(filled(1024, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(1024, 2), 0);
    await file.writeDurable([filled(256, 3), filled(256, 3)], 512);
    expect(outcomes(disk, sectors)).toEqual(['13', '23']);
  });

  it('stay when written durably, even across an unsynced truncation', async () => {
    const disk = await diskWithFile(filled(1024, 1));
    const file = await disk.open('/d/a', 'write');
    await file.truncate(0);
    await file.writeDurable([filled(512, 3)], 512);
    expect(outcomes(disk, sectors)).toEqual(['03']);
  });

  it('may survive in part if their durable write was in flight', async () => {
    const disk = await diskWithFile(filled(1024, 1));
    const file = await disk.open('/d/a', 'write');
    disk.stopWhen((call) => call.operation === 'write-durable');
    void file.writeDurable([filled(1024, 2)], 0);
    await disk.whenStopped;
    expect(outcomes(disk, sectors)).toEqual(['11', '12', '21', '22']);
  });

  it('are not covered by a sync that was in flight when they were written', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const disk = await diskWithFile(filled(1024, 1), { seed });
      const file = await disk.open('/d/a', 'write');
      await file.write(filled(512, 2), 0);
      await Promise.all([file.datasync(), file.write(filled(512, 2), 512)]);
      expect(outcomes(disk, sectors)).toEqual(['21', '22']);
    }
  });

  it('come back after a truncation that was not synced', async () => {
    const disk = await diskWithFile(filled(1024, 1));
    const file = await disk.open('/d/a', 'write');
    await file.truncate(512);
    await file.truncate(1024);
    expect(outcomes(disk, sectors)).toEqual(['1', '10', '11']);
  });
});

const firstBytes = (disk: SimulatedDisk): string =>
  disk.surgery
    .files()
    .map((path) => `${path}${disk.surgery.contents(path)[0]}`)
    .join(' ');

describe('names after a power cut', () => {
  it('are independent of each other, and of their contents', async () => {
    const disk = new SimulatedDisk();
    for (const name of ['/a', '/b']) {
      const file = await disk.open(name, 'create');
      await file.writeDurable([filled(512, 1)], 0);
    }
    expect(outcomes(disk, names)).toEqual(['', '/a', '/a /b', '/b']);
  });

  it('stay after a sync of their directory, however little of the contents does', async () => {
    const disk = new SimulatedDisk();
    const file = await disk.open('/a', 'create');
    await file.write(filled(512, 1), 0);
    await disk.syncDirectory('/');
    const seen = outcomes(disk, (after) => after.surgery.contents('/a').join('')).map(
      (text) => `${text.length}${text[0] ?? ''}`,
    );
    expect(seen).toEqual(['0', '5120', '5121']);
  });

  it('change from old to new by a rename: never neither, never both', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/b', 'create');
    await file.writeDurable([filled(512, 2)], 0);
    await disk.syncDirectory('/d');
    await disk.rename('/d/b', '/d/a');
    expect(outcomes(disk, firstBytes)).toEqual(['/d/a1 /d/b2', '/d/a2']);
  });

  it('depend on the earlier change that created them', async () => {
    const disk = new SimulatedDisk();
    await disk.open('/t', 'create');
    await disk.rename('/t', '/a');
    await disk.open('/x', 'create');
    expect(outcomes(disk, names)).toEqual(['', '/a', '/a /x', '/t', '/t /x', '/x']);
  });

  it('lead to a new file only after the old file has lost the name', async () => {
    const disk = await diskWithFile(filled(512, 1));
    await disk.rename('/d/a', '/d/b');
    const file = await disk.open('/d/a', 'create');
    await file.writeDurable([filled(512, 2)], 0);
    // The new file never appears alone: the old one would be lost without having been removed.
    expect(outcomes(disk, firstBytes)).toEqual(['/d/a1', '/d/a2 /d/b1', '/d/b1']);
  });

  it('come back after an unlink that was not synced, with their contents', async () => {
    const disk = await diskWithFile(filled(512, 1));
    await disk.unlink('/d/a');
    expect(outcomes(disk.kill(1), names)).toEqual(['', '/d/a']);
  });

  it('are durable for directories as soon as they are created', async () => {
    const disk = new SimulatedDisk();
    await disk.makeDirectory('/x/y');
    const after = disk.crash(1);
    expect(await after.kindOf('/x/y')).toBe('directory');
  });

  it('may exist for the upper directories only while a path is being created', async () => {
    const disk = new SimulatedDisk();
    disk.stopAtCall(1);
    void disk.makeDirectory('/x/y');
    const kinds = new Set<string>();
    for (const { disk: after } of crashStates(disk)) {
      kinds.add(`${await after.kindOf('/x')} ${await after.kindOf('/x/y')}`);
    }
    expect([...kinds].sort()).toEqual([
      'directory directory',
      'directory undefined',
      'undefined undefined',
    ]);
  });

  it('come back for removed directories until the parent is synced', async () => {
    const disk = new SimulatedDisk();
    await disk.makeDirectory('/x/y');
    await disk.removeDirectory('/x/y');
    const kinds = new Set<string>();
    for (const { disk: after } of crashStates(disk.kill(1))) {
      kinds.add(String(await after.kindOf('/x/y')));
    }
    expect([...kinds].sort()).toEqual(['directory', 'undefined']);
    const synced = new SimulatedDisk();
    await synced.makeDirectory('/x/y');
    await synced.removeDirectory('/x/y');
    await synced.syncDirectory('/x');
    expect(await synced.crash(1).kindOf('/x/y')).toBeUndefined();
  });

  it('may survive if their call was in flight', async () => {
    const disk = await diskWithFile(filled(512, 1));
    disk.stopAtMutation(disk.mutationCount + 1);
    void disk.rename('/d/a', '/d/b');
    expect(outcomes(disk, names)).toEqual(['/d/a', '/d/b']);
  });
});

describe('a killed process', () => {
  it('leaves all that it wrote, which a power cut may take later', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(512, 2), 0);
    await disk.open('/d/b', 'create');
    const after = disk.kill(1);
    expect(names(after)).toBe('/d/a /d/b');
    expect(sectors(after)).toBe('2');
    expect(outcomes(after, sectors)).toEqual(['1', '2']);
    expect(outcomes(after, names)).toEqual(['/d/a', '/d/a /d/b']);
  });

  it('has written whole pages of the file if its last write ended early', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const disk = await diskWithFile(filled(12_288, 1));
      const file = await disk.open('/d/a', 'write');
      disk.stopAtCall(disk.calls.length + 1);
      void file.write(filled(9000, 2), 1000);
      const left = disk.kill(seed).surgery.contents('/d/a');
      const end = left.findLastIndex((byte) => byte === 2) + 1;
      expect([0, 4096, 8192, 10_000], `seed ${seed}`).toContain(end);
    }
  });

  it('has made its last call, or not, or written a part', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const disk = await diskWithFile(filled(8192, 1));
      const file = await disk.open('/d/a', 'write');
      disk.stopAtCall(disk.calls.length + 1);
      void file.write(filled(8192, 2), 0);
      seen.add(sectors(disk.kill(seed)));
    }
    expect([...seen].sort()).toEqual([
      '1'.repeat(16),
      '2'.repeat(8) + '1'.repeat(8),
      '2'.repeat(16),
    ]);
  });
});

describe('a stopped world', () => {
  it('never settles asynchronous calls and makes synchronous ones throw', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    disk.stopAtCall(disk.calls.length + 2);
    await file.write(filled(1, 2), 0);
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    file.datasync().then(mark, mark);
    file.write(filled(1, 2), 9).then(mark, mark);
    await disk.whenStopped;
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    expect(disk.stopped).toBe(true);
    expect(() => file.writeSync(filled(1, 2), 0)).toThrow('');
    expect(disk.calls.at(-1)).toMatchObject({ operation: 'datasync', outcome: 'in flight' });
  });

  it('does not perform the calls that were in flight', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    file.write(filled(512, 2), 0).then(mark, mark);
    disk.stop();
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    expect(sectors(disk)).toBe('1');
    expect(outcomes(disk, sectors)).toEqual(['1', '2']);
  });

  it('stops at the n-th call that changes something, including the creation of a file', async () => {
    const disk = new SimulatedDisk();
    await disk.makeDirectory('/d');
    const file = await disk.open('/d/a', 'create');
    await file.size();
    await (await disk.open('/d/a', 'read')).close();
    expect(disk.mutationCount).toBe(2);
    disk.stopAtMutation(4);
    await file.write(filled(1, 1), 0);
    await file.read(new Uint8Array(1), 0);
    void file.datasync();
    await disk.whenStopped;
    expect(disk.calls.at(-1)?.operation).toBe('datasync');
  });

  it('releases the lock', async () => {
    const disk = await diskWithFile(filled(512, 1));
    await disk.lock('/d');
    const after = disk.crash(1);
    expect(await after.kindOf('/d/LOCK')).toBe('file');
    await (await after.lock('/d')).release();
    expect(await after.kindOf('/d/LOCK')).toBeUndefined();
  });
});

async function run(): Promise<string[]> {
  const disk = await diskWithFile(filled(20_000, 1));
  const file = await disk.open('/d/a', 'write');
  await file.write(filled(20_000, 2), 0);
  return [...crashStates(disk, { samples: 30, seed: 5 })].map((state) => sectors(state.disk));
}

describe('crash states', () => {
  it('are the same for the same seed, and each state is a disk of its own', async () => {
    const [one, two] = [await run(), await run()];
    expect(one).toEqual(two);
    expect(one).toHaveLength(30);
    expect(one).toContain('1'.repeat(40));
    expect(one).toContain('2'.repeat(40));
    expect(new Set(one).size).toBeGreaterThan(15);
  });

  it('do not share bytes: what one disk writes, no other sees', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(512, 2), 0);
    const [one, two] = [disk.crash(1), disk.kill(1)];
    const changed = await one.open('/d/a', 'write');
    await changed.writeDurable([filled(512, 9)], 0);
    expect(sectors(two)).toBe('2');
    expect(sectors(disk)).toBe('2');
    expect(sectors(one)).toBe('9');
  });

  it('describe what was lost', async () => {
    const disk = await diskWithFile(filled(512, 1));
    const file = await disk.open('/d/a', 'write');
    await file.write(filled(512, 2), 0);
    const lost = [...crashStates(disk)].map((state) => state.lost);
    expect(lost).toEqual(['write /d/a @0 +512', '']);
  });
});
