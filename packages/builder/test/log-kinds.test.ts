/**
 * A directory holds one kind of log. Each back end opens the log of each other one, with the real
 * packages on a real disk: it refuses, names the kind that it found, and changes nothing.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { walBackend as etcd } from '@babuza/wal-etcd';
import { RawWal } from '@babuza/wal-etcd/format';
import { findSnapshots, verify } from '@babuza/wal-etcd/inspect';
import type { WalBackend, WalManager } from '@babuza/wal-core';
import { walBackend as level } from '@babuza/wal-level-disk';
import { walBackend as memory } from '@babuza/wal-memory';
import { walBackend as native } from '@babuza/wal-native';
import { inspectLog } from '@babuza/wal-native/inspect';
import { walRegistry } from '../src/registry.ts';

const backends: readonly WalBackend[] = [native, etcd, level, memory];
const durable = backends.filter(({ capabilities }) => capabilities.durable);
const identity = { clusterId: 1, nodeId: 1, entryBytesMax: 1024 };

/** The name of a kind in an error. */
const titles: Readonly<Record<string, string>> = {
  'babuza-wal': 'a native log',
  'etcd-wal': "a log in etcd's format",
  'level-wal': 'a log on LevelDB',
};

/** Small segments, so that whole directories can be compared. */
const openAt = (backend: WalBackend, where = directory): Promise<WalManager> =>
  backend.open(where, backend === native || backend === etcd ? { segmentBytes: 64 * 1024 } : {});

const typeOf = ({ types: [type] }: WalBackend): string => type;
const pairs = durable.flatMap((was) =>
  backends
    .filter((opened) => opened !== was)
    .map((opened): [string, string, WalBackend, WalBackend] => [
      typeOf(was),
      typeOf(opened),
      was,
      opened,
    ]),
);

let root = '';
let directory = '';

beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/babuza-kinds-`);
  directory = join(root, 'wal');
});

afterEach(() => rm(root, { recursive: true }));

/** Makes a log of the kind with five entries. */
async function write(backend: WalBackend, groupId = 0n, where = directory): Promise<void> {
  const manager = await openAt(backend, where);
  const { wal } = await manager.createWal(identity, { groupId });
  const entries = [1, 2, 3, 4, 5].map((index) => ({ index, term: 1, type: 0 as const }));
  await wal.save({ entries, hardState: { term: 1, vote: 1n, commit: 5 } });
  await manager.close();
}

/** The names and contents of all files below the root. */
async function contents(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const bytes = entry.isFile() ? await readFile(path) : '';
    found[path] = createHash('sha256').update(bytes).digest('hex');
  }
  return found;
}

const calls: readonly [
  name: string,
  call: (manager: WalManager, groupId: bigint) => Promise<unknown>,
][] = [
  ['hasExistingWal', (manager, groupId) => manager.hasExistingWal({ groupId })],
  ['createWal', (manager, groupId) => manager.createWal(identity, { groupId })],
  ['replayWal', (manager, groupId) => manager.replayWal({ groupId })],
  ['findSnapshots', (manager, groupId) => manager.findSnapshots({ groupId })],
];

/**
 * Checks that every call of the back end, for group 0 and another one, is refused and changes no
 * byte.
 */
async function expectRefused(opened: WalBackend, message: RegExp): Promise<void> {
  const before = await contents();
  for (const [name, call] of calls) {
    for (const groupId of [0n, 7n]) {
      // A new manager for each call, so that each is the first one.
      const manager = await openAt(opened);
      await expect(call(manager, groupId), `${name} of group ${groupId}`).rejects.toMatchObject({
        name: 'ForeignFileError',
        code: 'WAL_FOREIGN',
        file: directory,
        message: expect.stringMatching(message),
      });
      await manager.close();
    }
  }
  expect(await contents()).toEqual(before);
}

/** The error names the kind, the `walType` that opens it, and the procedure to change it. */
function refusalOf(was: WalBackend, opened: WalBackend): RegExp {
  const [type, other] = [typeOf(was), typeOf(opened)];
  return new RegExp(
    `the directory holds ${titles[type]} \\(walType '${type}', found by [^)]+\\) and was opened as '${other}'.*Nothing was changed.*Set walType to '${type}'.*exportSnapshot.*new cluster`,
  );
}

async function segmentsIn(folder = directory): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith('.wal')).map((name) => join(folder, name));
}

async function overwrite(path: string, byte: number): Promise<void> {
  await writeFile(path, new Uint8Array((await readFile(path)).length).fill(byte));
}

/** Data files of LevelDB. */
async function dataFiles(): Promise<string[]> {
  const names = await readdir(join(directory, 'db'));
  return names
    .filter((name) => /^(?:\d+\.|MANIFEST)/.test(name))
    .map((name) => join(directory, 'db', name));
}

const damages: Readonly<Record<string, readonly [name: string, damage: () => Promise<void>][]>> = {
  'babuza-wal': [0, 255, 66].map((byte) => [
    `whose segments hold only bytes ${byte}`,
    async () => {
      for (const path of await segmentsIn()) await overwrite(path, byte);
    },
  ]),
  'etcd-wal': [
    ...[0, 255, 66].map((byte): [string, () => Promise<void>] => [
      `whose segments hold only bytes ${byte}`,
      async () => {
        for (const path of await segmentsIn()) await overwrite(path, byte);
      },
    ]),
    [
      'whose first segment is missing',
      async () => {
        const [first = ''] = await segmentsIn();
        await rename(first, join(dirname(first), '0000000000000003-000000000000000a.wal'));
      },
    ],
    [
      'whose segment has a short name',
      async () => {
        const [first = ''] = await segmentsIn();
        await rename(first, join(dirname(first), '9-FF.wal'));
      },
    ],
    [
      'whose segment has the name of a native one',
      async () => {
        const [first = ''] = await segmentsIn();
        await rename(first, join(dirname(first), '0000000000000001-00000010.wal'));
      },
    ],
  ],
  'level-wal': [
    ['whose CURRENT is missing', () => rm(join(directory, 'db', 'CURRENT'))],
    [
      'whose data are missing',
      async () => {
        for (const path of await dataFiles()) await rm(path);
      },
    ],
    [
      'whose files hold only zeros',
      async () => {
        for (const path of await dataFiles()) await overwrite(path, 0);
      },
    ],
    ['whose database is missing', () => rm(join(directory, 'db'), { recursive: true })],
    [
      'without the files beside the database',
      () => rm(join(directory, 'witness'), { recursive: true }),
    ],
  ],
};

const damaged = pairs.flatMap(([was, opened, ...both]) =>
  (damages[was] ?? []).map(
    ([name, damage]): [string, string, string, () => Promise<void>, WalBackend, WalBackend] => [
      was,
      name,
      opened,
      damage,
      ...both,
    ],
  ),
);

describe('a directory with a log of another kind', () => {
  it('the table has every type of the builder', () => {
    expect(backends.map(({ types }) => types)).toEqual(walRegistry.map(({ types }) => types));
    expect(pairs).toHaveLength(9);
  });

  it.each(pairs)('%s opened as %s is refused', async (_was, _opened, was, opened) => {
    await write(was);
    await expectRefused(opened, refusalOf(was, opened));
  });

  it.each(pairs)(
    '%s with a log of group 9 only, opened as %s',
    async (_was, _opened, was, opened) => {
      await write(was, 9n);
      await expectRefused(opened, refusalOf(was, opened));
    },
  );

  it.each(damaged)('%s %s, opened as %s', async (_was, _name, _opened, damage, was, opened) => {
    await write(was);
    await damage();
    await expectRefused(opened, refusalOf(was, opened));
  });

  it.each(pairs)('%s goes on after it was opened as %s', async (_was, _opened, was, opened) => {
    await write(was);
    const wrong = await openAt(opened);
    await expect(wrong.createWal(identity)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    // The other process still holds the log.
    const manager = await openAt(was);
    expect((await manager.replayWal()).storage.lastIndex()).toBe(5);
    await manager.close();
    await wrong.close();
  });
});

describe('functions that look at the files of one kind', () => {
  const looks: readonly [string, WalBackend, () => Promise<unknown>][] = [
    ['inspectLog', native, () => inspectLog(directory)],
    ['inspectLog of another group', native, () => inspectLog(directory, { groupId: 7n })],
    ['findSnapshots', etcd, () => findSnapshots(directory)],
    ['verify', etcd, () => verify(directory)],
    ['RawWal.open', etcd, () => RawWal.open(directory)],
    ['RawWal.create', etcd, () => RawWal.create(directory, undefined)],
  ];
  const cases = looks.flatMap(([name, opened, look]) =>
    durable
      .filter((was) => was !== opened)
      .map((was): [string, string, WalBackend, WalBackend, () => Promise<unknown>] => [
        name,
        typeOf(was),
        was,
        opened,
        look,
      ]),
  );

  it.each(cases)('%s refuses %s', async (_name, _was, was, opened, look) => {
    await write(was);
    const before = await contents();
    await expect(look()).rejects.toMatchObject({
      code: 'WAL_FOREIGN',
      message: expect.stringMatching(refusalOf(was, opened)),
    });
    expect(await contents()).toEqual(before);
  });
});

describe('a directory with logs of two kinds', () => {
  const both = durable.flatMap((first) =>
    durable
      .filter((second) => typeOf(second) > typeOf(first))
      .map((second): [string, string, WalBackend, WalBackend] => [
        typeOf(first),
        typeOf(second),
        first,
        second,
      ]),
  );

  it.each(both)(
    '%s and %s is refused by all, and both are named',
    async (_1, _2, first, second) => {
      await write(first);
      const apart = join(root, 'apart');
      await write(second, 9n, apart);
      await cp(apart, directory, { recursive: true });
      await rm(apart, { recursive: true });
      for (const opened of backends) {
        const message = new RegExp(
          `(?=.*${titles[typeOf(first)]} \\(walType '${typeOf(first)}')(?=.*${titles[typeOf(second)]} \\(walType '${typeOf(second)}').* and was opened as '${typeOf(opened)}'.*one kind of log.*without deleting`,
        );
        await expectRefused(opened, message);
      }
    },
  );
});

describe('a directory that only looks like one with a log', () => {
  it.each(backends.map((backend): [string, WalBackend] => [typeOf(backend), backend]))(
    '%s makes a log beside an empty folder of a group and a lock that a killed process left',
    async (_type, backend) => {
      await mkdir(join(directory, 'group-0000000000000009'), { recursive: true });
      await writeFile(join(directory, 'LOCK.0123456789abcdef'), '');
      const manager = await openAt(backend);
      expect(await manager.hasExistingWal()).toBe(false);
      await manager.createWal(identity);
      await manager.close();
    },
  );

  it.each([level, memory].map((backend): [string, WalBackend] => [typeOf(backend), backend]))(
    '%s makes a log beside what an interrupted creation of another kind left',
    async (_type, backend) => {
      await mkdir(join(directory, 'db'), { recursive: true });
      await mkdir(join(directory, 'witness'));
      for (const name of [
        'spare-0000000000000001.tmp',
        '0.tmp',
        'db/LOCK',
        'db/LOG',
        'db/000001.dbtmp',
        'witness/0000000000000000.tmp',
      ]) {
        await writeFile(join(directory, name), 'half');
      }
      const manager = await openAt(backend);
      expect(await manager.hasExistingWal()).toBe(false);
      await manager.createWal(identity);
      await manager.close();
    },
  );
});

describe('a directory of another program', () => {
  it('that is the data directory of an etcd server is refused by all, also by etcd-wal', async () => {
    await write(etcd, 0n, join(directory, 'member', 'wal'));
    for (const opened of backends) {
      await expectRefused(
        opened,
        /the data directory of an etcd server \(found by member\/wal\/0.*open that one as 'etcd-wal'/,
      );
    }
  });

  it('that is the folder member/wal of an etcd server is opened by etcd-wal only', async () => {
    await write(etcd);
    await writeFile(join(directory, '1.tmp'), new Uint8Array(64));
    for (const opened of [native, level, memory]) {
      await expectRefused(opened, refusalOf(etcd, opened));
    }
    const manager = await openAt(etcd);
    expect(await manager.hasExistingWal()).toBe(true);
    expect((await manager.replayWal()).storage.lastIndex()).toBe(5);
    await manager.close();
  });

  it('that is a LevelDB database is refused by all, also by level-wal', async () => {
    await write(level);
    await rename(join(directory, 'db'), join(root, 'database'));
    await rm(directory, { recursive: true });
    await rename(join(root, 'database'), directory);
    for (const opened of backends) {
      await expectRefused(
        opened,
        /a LevelDB database \(found by MANIFEST-\d+\).*move its files into db/,
      );
    }
  });
});

describe('two kinds that begin in one directory at the same time', () => {
  const files = [native, etcd];
  it.each(files.map((backend): [string, WalBackend] => [typeOf(backend), backend]))(
    '%s and level-wal: at most one has a log',
    async (_type, other) => {
      for (let run = 0; run < 5; run += 1) {
        const managers = await Promise.all([level, other].map((kind) => openAt(kind)));
        const made = await Promise.allSettled(
          managers.map((manager) => manager.createWal(identity)),
        );
        const codes = made.map((one) => (one.status === 'rejected' ? one.reason.code : 'made'));
        expect(codes.filter((code) => code === 'made').length, codes.join(', ')).toBe(1);
        expect(codes.filter((code) => /made|WAL_LOCKED|WAL_FOREIGN/.test(code))).toHaveLength(2);
        for (const manager of managers) await manager.close();
        await rm(directory, { recursive: true });
      }
    },
  );
});
