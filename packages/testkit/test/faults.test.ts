import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../src/index.ts';
import type { File } from '@babuza/vfs';
import type { Fault } from '../src/index.ts';

const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

async function diskWithFile(
  options: ConstructorParameters<typeof SimulatedDisk>[0] = {},
): Promise<{ disk: SimulatedDisk; file: File }> {
  const disk = new SimulatedDisk(options);
  const file = await disk.open('/a', 'create');
  await disk.syncDirectory('/');
  return { disk, file };
}

const io: Fault = { type: 'error', kind: 'io' };

describe('fault rules', () => {
  it('meet the n-th call that passes, once', async () => {
    const { disk, file } = await diskWithFile();
    const fault = disk.inject({ on: 'write', path: /a$/, nth: 2, fault: io });
    await file.write(filled(1, 1), 0);
    await expect(file.write(filled(1, 2), 0)).rejects.toMatchObject({ kind: 'io', errno: 'EIO' });
    await file.write(filled(1, 3), 0);
    expect(fault).toMatchObject({ hits: 1, matches: 3 });
    expect(disk.surgery.contents('/a')[0]).toBe(3);
  });

  it('meet all calls from then on if they are sticky, until removed', async () => {
    const { disk, file } = await diskWithFile();
    const fault = disk.inject({ on: ['read', 'size'], nth: 2, sticky: true, fault: io });
    await file.size();
    await expect(file.read(new Uint8Array(1), 0)).rejects.toMatchObject({ kind: 'io' });
    expect(() => file.readSync(new Uint8Array(1), 0)).toThrow('EIO');
    fault.remove();
    expect(await file.size()).toBe(0);
    expect(fault.hits).toBe(2);
  });

  it('do not meet other paths or operations', async () => {
    const { disk, file } = await diskWithFile();
    const faults = [
      disk.inject({ path: '/b', sticky: true, fault: io }),
      disk.inject({ on: 'rename', sticky: true, fault: io }),
      disk.inject({ on: 'read', sticky: true, fault: { type: 'lost-write' } }),
    ];
    await file.write(filled(1, 1), 0);
    await file.read(new Uint8Array(1), 0);
    expect(faults.map((fault) => fault.hits)).toEqual([0, 0, 0]);
  });

  it('fail any operation', async () => {
    const { disk, file } = await diskWithFile();
    await disk.makeDirectory('/d');
    const lock = await disk.lock('/d');
    disk.inject({ sticky: true, fault: { type: 'error', kind: 'busy' } });
    const calls = [
      () => disk.open('/a', 'read'),
      () => disk.unlink('/a'),
      () => disk.rename('/a', '/b'),
      () => disk.makeDirectory('/x'),
      () => disk.list('/'),
      () => disk.kindOf('/a'),
      () => disk.syncDirectory('/'),
      () => disk.lock('/'),
      () => lock.release(),
      () => file.write(filled(1, 1), 0),
      () => file.writeDurable([filled(1, 1)], 0),
      () => file.datasync(),
      () => file.truncate(3),
      () => file.size(),
      () => file.read(new Uint8Array(1), 0),
      () => file.close(),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ kind: 'busy', errno: 'EBUSY' });
    }
    expect(disk.surgery.files()).toEqual(['/a', '/d/LOCK']);
    // A failed close still closes the file.
    expect(disk.openPaths).toEqual([]);
  });

  it('leave a part of a write', async () => {
    const { disk, file } = await diskWithFile();
    disk.inject({ on: 'write', fault: { type: 'partial-write', kind: 'no-space', bytes: 3 } });
    await expect(file.write(filled(9, 1), 0)).rejects.toMatchObject({ kind: 'no-space' });
    expect(disk.surgery.contents('/a')).toEqual(filled(3, 1));
  });

  it('lose a write, or misdirect it, without an error', async () => {
    const { disk, file } = await diskWithFile();
    await file.truncate(8);
    disk.inject({ on: 'write', fault: { type: 'lost-write' } });
    disk.inject({ on: 'write', nth: 2, fault: { type: 'misdirected-write', byBytes: 4 } });
    await file.write(filled(2, 1), 0);
    await file.write(filled(2, 2), 0);
    expect([...disk.surgery.contents('/a')]).toEqual([0, 0, 0, 0, 2, 2, 0, 0]);
  });
});

async function survivors(fault: Fault, syncs: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed += 1) {
    const { disk, file } = await diskWithFile({ seed });
    await file.truncate(1024);
    await file.datasync();
    await file.write(filled(1024, 1), 0);
    disk.inject({ on: 'datasync', nth: 1, fault });
    await expect(file.datasync()).rejects.toMatchObject({ kind: 'io' });
    // The page cache still shows the bytes, whatever the disk holds.
    expect(disk.surgery.contents('/a')).toEqual(filled(1024, 1));
    for (let count = 0; count < syncs; count += 1) await file.datasync();
    const after = disk.crash(seed).surgery.contents('/a');
    seen.add(`${after[0]}${after[600]}`);
  }
  return seen;
}

describe('a failed sync', () => {
  it('drops what was pending: later syncs succeed and bring nothing', async () => {
    const seen = await survivors({ type: 'sync-error', pending: 'dropped' }, 2);
    expect([...seen]).toEqual(['00']);
  });

  it('can keep the pending data', async () => {
    const fault: Fault = { type: 'sync-error', pending: 'kept' };
    expect([...(await survivors(fault, 0))].sort()).toEqual(['00', '01', '10', '11']);
    expect([...(await survivors(fault, 1))]).toEqual(['11']);
  });

  it('can have written any part of the pending data', async () => {
    const seen = await survivors({ type: 'sync-error', pending: 'half-written' }, 1);
    expect([...seen].sort()).toEqual(['00', '01', '10', '11']);
  });

  it('drops the data of a durable write, and the names of a directory', async () => {
    const { disk, file } = await diskWithFile();
    const fault: Fault = { type: 'sync-error', pending: 'dropped' };
    disk.inject({ on: 'write-durable', fault });
    await expect(file.writeDurable([filled(9, 1)], 0)).rejects.toMatchObject({ kind: 'io' });
    await file.datasync();
    expect(disk.surgery.contents('/a')).toEqual(filled(9, 1));
    await disk.open('/b', 'create');
    disk.inject({ on: 'sync-directory', fault });
    await expect(disk.syncDirectory('/')).rejects.toMatchObject({ kind: 'io' });
    await disk.syncDirectory('/');
    const after = disk.crash(1);
    expect(after.surgery.files()).toEqual(['/a']);
    expect(after.surgery.contents('/a')).toHaveLength(0);
  });

  it('of a directory keeps a change of a name only with the earlier changes of that name', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const disk = new SimulatedDisk({ seed });
      const first = await disk.open('/spare', 'create');
      await first.close();
      await disk.unlink('/spare');
      const second = await disk.open('/spare', 'create');
      await second.writeDurable([filled(9, 2)], 0);
      await disk.rename('/spare', '/segment');
      disk.inject({
        on: 'sync-directory',
        fault: { type: 'sync-error', pending: 'half-written' },
      });
      await expect(disk.syncDirectory('/')).rejects.toMatchObject({ kind: 'io' });
      const after = disk.crash(1).surgery;
      if (after.files().includes('/segment')) {
        expect(after.contents('/segment'), `seed ${seed}`).toEqual(filled(9, 2));
      }
    }
  });

  it('forgets the pending bytes but not later writes', async () => {
    const { disk, file } = await diskWithFile();
    disk.inject({ on: 'datasync', fault: { type: 'sync-error', pending: 'dropped' } });
    await file.write(filled(512, 1), 0);
    await expect(file.datasync()).rejects.toMatchObject({ kind: 'io' });
    await file.write(filled(512, 2), 512);
    await file.datasync();
    const after = disk.crash(1).surgery.contents('/a');
    expect([after.length, after[0], after[512]]).toEqual([1024, 0, 2]);
  });
});

describe('a full disk', () => {
  it('writes what fits and refuses the rest until there is space', async () => {
    const { disk, file } = await diskWithFile({ capacityBytes: 16_384 });
    await expect(file.write(filled(20_000, 1), 0)).rejects.toMatchObject({
      kind: 'no-space',
      errno: 'ENOSPC',
    });
    expect(await file.size()).toBe(16_384);
    await file.write(filled(4096, 2), 8192);
    const other = await disk.open('/b', 'create');
    await expect(other.writeDurable([filled(1, 1)], 0)).rejects.toMatchObject({ kind: 'no-space' });
    await file.truncate(12_289);
    await expect(other.write(filled(1, 1), 0)).rejects.toMatchObject({ kind: 'no-space' });
    await file.truncate(8192);
    await other.write(filled(8192, 1), 0);
    expect(disk.crash(1).capacityBytes).toBe(16_384);
  });

  it('counts files without a name as long as they are open', async () => {
    const { disk, file } = await diskWithFile({ capacityBytes: 8192 });
    await file.write(filled(8192, 1), 0);
    await disk.unlink('/a');
    const other = await disk.open('/b', 'create');
    await expect(other.write(filled(1, 1), 0)).rejects.toMatchObject({ kind: 'no-space' });
    await file.close();
    await other.write(filled(1, 1), 0);
  });

  it('does not count holes', async () => {
    const { file } = await diskWithFile({ capacityBytes: 8192 });
    await file.truncate(1_000_000);
    await file.write(filled(4096, 1), 900_000 - (900_000 % 4096));
    expect(await file.size()).toBe(1_000_000);
  });
});

describe('damage at rest', () => {
  it('changes what is stored, before and after a crash', async () => {
    const { disk, file } = await diskWithFile();
    await file.writeDurable([filled(1024, 1), filled(512, 2)], 0);
    disk.surgery.flipBit('/a', 8 * 5 + 1);
    disk.surgery.zero('/a', 10, 2);
    disk.surgery.swapSectors('/a', 1, 2);
    for (const each of [disk, disk.crash(1)]) {
      const contents = each.surgery.contents('/a');
      expect([contents[5], contents[9], contents[10]]).toEqual([3, 1, 0]);
      expect([contents[512], contents[1024]]).toEqual([2, 1]);
    }
  });

  it('cuts, copies, swaps, moves and removes files', async () => {
    const { disk } = await diskWithFile();
    const { surgery } = disk;
    surgery.put('/a', filled(9, 1));
    surgery.copy('/a', '/b');
    surgery.cut('/a', 3);
    surgery.swap('/a', '/b');
    surgery.move('/b', '/c');
    expect(surgery.files()).toEqual(['/a', '/c']);
    expect([surgery.contents('/a').length, surgery.contents('/c').length]).toEqual([9, 3]);
    surgery.remove('/a');
    expect(disk.crash(1).surgery.files()).toEqual(['/c']);
  });

  it('makes sectors unreadable until they are written again', async () => {
    const { disk, file } = await diskWithFile();
    await file.write(filled(2048, 1), 0);
    disk.surgery.makeUnreadable('/a', 600, 1);
    const target = new Uint8Array(512);
    await file.read(target, 0);
    await expect(file.read(target, 100)).rejects.toMatchObject({ kind: 'io', operation: 'read' });
    await expect(file.read(target, 1000)).rejects.toMatchObject({ kind: 'io' });
    await file.read(target, 1024);
    await file.write(filled(100, 1), 512);
    await expect(file.read(target, 512)).rejects.toMatchObject({ kind: 'io' });
    await file.write(filled(512, 2), 512);
    await file.read(target, 512);
    expect(target[0]).toBe(2);
  });
});

describe('the checks and records of the disk', () => {
  it('report data that changes while its write is in flight', async () => {
    const { file } = await diskWithFile();
    const data = filled(10, 1);
    const writing = file.write(data, 0);
    data[3] = 9;
    await expect(writing).rejects.toThrow('changed while in flight');
  });

  it('report two calls in flight on the same bytes, even through different handles', async () => {
    const { disk, file } = await diskWithFile();
    const other = await disk.open('/a', 'write');
    const results = await Promise.allSettled([
      file.write(filled(10, 1), 0),
      other.write(filled(10, 1), 9),
      other.read(new Uint8Array(1), 9),
      file.truncate(5),
      other.write(filled(10, 1), 10),
      other.read(new Uint8Array(1), 20),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(results[1]).toMatchObject({
      reason: { message: expect.stringContaining('another call in flight') },
    });
    await Promise.all([file.read(filled(5, 0), 0), other.read(filled(5, 0), 0)]);
  });

  it('show where calls come from and whether each was made to fail', async () => {
    const { disk, file } = await diskWithFile({ recordsCallSites: true });
    disk.inject({ on: 'size', nth: 2, fault: io });
    for (let count = 0; count < 3; count += 1) await file.size().catch(() => {});
    const site = [...disk.callSites].find(([name]) => name.startsWith('size '));
    expect(site?.[0]).toContain('faults.test.ts');
    expect(site?.[1]).toEqual({ calls: 3, faults: 1 });
  });

  it('show every call in one line', async () => {
    const { disk, file } = await diskWithFile();
    disk.inject({ on: 'write', fault: io });
    await file.write(filled(10, 1), 7).catch(() => {});
    await disk.unlink('/b').catch(() => {});
    expect(disk.trace().split('\n')).toEqual([
      '1 open /a = ok',
      '2 open-directory / = ok',
      '3 sync-directory / = ok',
      '4 write /a @7 +10 = EIO',
      '5 unlink /b = ENOENT',
    ]);
  });
});
