/**
 * Random bytes, and logs with random damage. Every entry point must return a result or a typed
 * error, and must not allocate more memory than there are bytes.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import { WalError } from '@babuza/wal-core';
import { crc32c } from '../src/format/crc32c.ts';
import { frameBytes, writeLengthField } from '../src/format/frame.ts';
import { recordHeadBytes, writeRecordHead } from '../src/format/record.ts';
import { RawWal, repair } from '../src/format.ts';
import { findSnapshots, readWal, verify } from '../src/inspect.ts';
import { filesOfFolder, readArchive } from './support/archive.ts';
import { generated } from './support/byte-strings.ts';
import { fixtureFolder, readIndex } from './support/fixture-set.ts';

type Files = ReadonlyMap<string, Uint8Array>;

const directory = '/wal';
const nothing = { term: 0n, vote: 0n, commit: 0n };

async function diskWith(files: Files): Promise<SimulatedEnvironment> {
  const environment = simulatedEnvironment(1, new SimulatedDisk({ seed: 1 }));
  await environment.fileSystem.makeDirectory(directory);
  for (const [name, bytes] of files)
    environment.fileSystem.surgery.put(`${directory}/${name}`, bytes);
  return environment;
}

/**
 * Calls every entry point. Returns the result of each: a number of entries, or the code of an
 * error.
 */
async function askAll(files: Files): Promise<string[]> {
  const said: string[] = [];
  const ask = async (
    door: (environment: SimulatedEnvironment) => Promise<unknown>,
  ): Promise<void> => {
    const environment = await diskWith(files);
    try {
      said.push(String(await door(environment)));
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      said.push(error.code);
    }
    demandModesty(environment.fileSystem, files);
  };
  for (const index of [0n, 20n]) {
    const snapshot = { index, term: index === 0n ? 0n : 1n };
    await ask(
      async (environment) => (await readWal(directory, snapshot, { environment })).entries.length,
    );
    await ask(async (environment) => (await verify(directory, snapshot, { environment })).commit);
    await ask((environment) => openAndAppend(environment, snapshot));
  }
  await ask(async (environment) => (await findSnapshots(directory, { environment })).length);
  await ask(async (environment) => {
    const isRepaired = await repair(directory, { environment });
    // After a repair there is no torn end any more.
    if (isRepaired) expect(await repair(directory, { environment })).toBe(true);
    return isRepaired;
  });
  return said;
}

/**
 * If the log can be opened for writing, it must accept another entry, and that entry must be
 * readable with those before it.
 */
async function openAndAppend(
  environment: SimulatedEnvironment,
  snapshot: { readonly index: bigint; readonly term: bigint },
): Promise<number | string> {
  const wal = await RawWal.open(directory, snapshot, { environment });
  try {
    const { entries, error, hardState } = await wal.readAll();
    if (error !== undefined) return error.verdict;
    const index = (entries.at(-1)?.index ?? snapshot.index) + 1n;
    if (index >= 2n ** 64n) return entries.length;
    const added = { type: 0, term: 7n, index, data: new Uint8Array(700).fill(1) };
    await wal.save(hardState, [added]);
    await wal.close();
    const again = await readWal(directory, snapshot, { environment });
    expect(again.entries).toEqual([...entries, added]);
    return entries.length;
  } finally {
    await wal.close();
    expect(environment.fileSystem.openPaths).toEqual([]);
  }
}

/** No read may be longer than the longest file with the entry that was added to it. */
function demandModesty(disk: SimulatedDisk, files: Files): void {
  const longest = Math.max(...[...files.values()].map(({ length }) => length), 256 * 1024);
  for (const { operation, bytes, path } of disk.calls) {
    if (operation !== 'read') continue;
    expect(bytes, `bytes read of ${path}`).toBeLessThanOrEqual(longest + 4096);
  }
}

/** A log of three segments with all types of records. */
async function soundLog(): Promise<Files> {
  const environment = await diskWith(new Map());
  const wal = await RawWal.create(directory, Buffer.from('metadata'), {
    environment,
    segmentBytes: 8192,
  });
  for (let index = 1; index <= 60; index += 1) {
    const entry = {
      type: 0,
      term: 1n,
      index: BigInt(index),
      data: generated(index, index * 23, 0),
    };
    await wal.save({ term: 1n, vote: 2n, commit: BigInt(index - 1) }, [entry]);
    if (index === 20) {
      const confState = {
        voters: [1n],
        learners: [],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
      };
      await wal.saveSnapshot({ index: 20n, term: 1n, confState });
    }
  }
  await wal.save(nothing, []);
  await wal.close();
  const { surgery } = environment.fileSystem;
  const names = surgery.files().filter((path) => path.endsWith('.wal'));
  return new Map(names.map((path) => [path.slice(directory.length + 1), surgery.contents(path)]));
}

/** Damages one file several times. */
interface Damage {
  readonly what: 'flip' | 'cut' | 'zero' | 'random' | 'length' | 'remove' | 'rename' | 'swap';
  readonly file: number;
  readonly at: number;
  readonly size: number;
  readonly bytes: Uint8Array;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  what: fc.constantFrom(
    'flip',
    'flip',
    'cut',
    'zero',
    'zero',
    'random',
    'length',
    'length',
    'remove',
    'rename',
    'swap',
  ),
  file: fc.nat(7),
  at: fc.nat(1 << 20),
  size: fc.nat(1500),
  bytes: fc.uint8Array({ minLength: 8, maxLength: 40 }),
});

function damaged(log: Files, damages: readonly Damage[]): Files {
  const files = new Map(log);
  for (const each of damages) {
    const { what, file, at, size } = each;
    const names = [...files.keys()].sort();
    const name = names[file % names.length];
    if (name === undefined) continue;
    const content = files.get(name) ?? new Uint8Array(0);
    if (what === 'remove') files.delete(name);
    else if (what === 'rename') {
      files.delete(name);
      files.set(`${(at % 9).toString(16)}-${size.toString(16)}.wal`, content);
    } else if (what === 'swap') {
      const other = names[(file + 1) % names.length] ?? name;
      files.set(name, files.get(other) ?? content);
      files.set(other, content);
    } else files.set(name, changed(content, each));
  }
  return files;
}

function changed(original: Uint8Array, { what, at, size, bytes }: Damage): Uint8Array {
  const content = new Uint8Array(original);
  if (content.length < 16) return content;
  const start = at % content.length;
  // Length fields are at multiples of 8.
  const field = Math.min(start - (start % 8), content.length - 16);
  if (what === 'cut') return content.subarray(0, start);
  if (what === 'flip') content[start] = (content[start] ?? 0) ^ (1 << (size % 8));
  else if (what === 'zero') content.fill(0, start, start + size);
  else if (what === 'length') content.set(bytes.subarray(0, 8), field);
  else content.set(bytes.subarray(0, content.length - start), start);
  return content;
}

function framed(
  type: number,
  data: Uint8Array,
  previous: number,
): { frame: Uint8Array; crc: number } {
  const crc = type === 4 ? previous : crc32c(previous, data);
  const head = new Uint8Array(recordHeadBytes(type, crc, data.length));
  writeRecordHead(head, 0, type, crc, data.length);
  const frame = new Uint8Array(frameBytes(head.length + data.length));
  writeLengthField(frame, 0, head.length + data.length);
  frame.set(head, 8);
  frame.set(data, 8 + head.length);
  return { frame, crc };
}

const firstName = '0000000000000000-0000000000000000.wal';

describe('hostile bytes', () => {
  it('random ones', async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      // The beginning looks like a frame.
      fc
        .tuple(fc.nat(64), fc.uint8Array({ maxLength: 300 }))
        .map(([length, bytes]) =>
          Uint8Array.from([length, 0, 0, 0, 0, 0, 0, 0x80 | (length % 8), 8, 4, 0x10, 0, ...bytes]),
        ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 3 }), async (contents) => {
        const files = contents.map((bytes, at): [string, Uint8Array] => [
          `000000000000000${at}-0000000000000000.wal`,
          bytes,
        ]);
        await askAll(new Map(files));
      }),
      { numRuns: 150 },
    );
  });

  it('random data in records with right checksums', async () => {
    const record = fc.tuple(fc.nat(6), fc.uint8Array({ maxLength: 30 }));
    const verdicts = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 6 }), async (records) => {
        const frames: Uint8Array[] = [];
        let checksum = 0;
        for (const [type, data] of records) {
          const { frame, crc } = framed(type, data, checksum);
          frames.push(frame);
          checksum = crc;
        }
        for (const said of await askAll(new Map([[firstName, Buffer.concat(frames)]]))) {
          verdicts.add(said);
        }
      }),
      { numRuns: 150 },
    );
    expect(verdicts).toContain('WAL_CORRUPT');
  });

  it('a log with random damage', async () => {
    const log = await soundLog();
    expect(log.size).toBeGreaterThan(2);
    expect((await askAll(log))[0]).toBe('60');
    const said = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        for (const each of await askAll(damaged(log, damages))) said.add(each);
      }),
      { numRuns: 250 },
    );
    // Some logs must be read completely, some partly, and some not at all.
    expect([...said]).toEqual(expect.arrayContaining(['60', 'WAL_CORRUPT', 'WAL_NOT_FOUND']));
  });

  const fixtures = (readIndex('index.json') ?? []).filter(
    ({ segmentSize }) => segmentSize <= 65_536,
  );
  it.runIf(fixtures.length > 0)('the fixtures with random damage', async () => {
    const logs = fixtures.map(({ name, archive }) =>
      filesOfFolder(readArchive(`${fixtureFolder}/${archive}`), `${name}/wal`),
    );
    const log = fc.constantFrom(...logs);
    await fc.assert(
      fc.asyncProperty(
        log,
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        async (files, damages) => {
          await askAll(damaged(files, damages));
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([2 ** 20, 2 ** 31, 2 ** 32, 2 ** 53 - 8, 2 ** 56])(
    'a length of %i is compared with the length of the file before it is used',
    async (length) => {
      const content = new Uint8Array(4096).fill(0x08);
      new DataView(content.buffer).setBigUint64(0, BigInt(length) & 0xff_ffff_ffff_ffffn, true);
      if (length === 2 ** 56) content.fill(0xff, 0, 8);
      const environment = await diskWith(new Map([[firstName, content]]));
      // etcd reports an unexpected end, which ends a read.
      const reading = await readWal(directory, undefined, { environment });
      expect(reading.error?.verdict).toBe('ErrSnapshotNotFound');
      const wal = await RawWal.open(directory, undefined, { environment });
      await expect(wal.readAll()).rejects.toMatchObject({ verdict: 'ErrUnexpectedEOF' });
      await wal.close();
      expect(await repair(directory, { environment })).toBe(true);
      demandModesty(environment.fileSystem, new Map([[firstName, content]]));
    },
  );

  it('a length inside a record that is larger than the record', async () => {
    const { frame } = framed(2, new Uint8Array(20), 0);
    // The data length becomes 2^63.
    const head = recordHeadBytes(2, crc32c(0, new Uint8Array(20)), undefined);
    frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 8 + head + 1);
    await expect(
      readWal(directory, undefined, { environment: await diskWith(new Map([[firstName, frame]])) }),
    ).rejects.toMatchObject({ verdict: 'no-message' });
  });
});
