/** What makes a snapshot count, and what is removed when it does: the order, and each bound. */
import { emptyConfState } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultBabuzaConfig } from '../src/index.ts';
import type { StoredSnapshot } from '../src/ports/index.ts';
import {
  RecordedSnapshots,
  type RecordedSnapshotParts,
} from '../src/snapshots/recorded-snapshots.ts';
import { bytesOf, MapSnapshots, newGate } from './support.ts';

const at = (index: number) => ({ index, term: 1, confState: emptyConfState });

let manager: MapSnapshots;
let log: string[];
let saves: { readonly done: () => void; readonly fail: (error: Error) => void }[];
let sending: { indexes: number[] };
let firstIndex: number;
let removed: number[];

beforeEach(() => {
  manager = new MapSnapshots();
  [log, saves, removed, sending, firstIndex] = [[], [], [], { indexes: [] }, 1];
  manager.remove = async (...given: unknown[]) => {
    const { index } = given[0] as { index: number };
    removed.push(index);
    const place = manager.stored.findIndex(({ snapshot }) => snapshot.metadata.index === index);
    manager.stored.splice(place, 1);
  };
});

function newRecorded(
  settings: { snapshotsKept?: number; compactionMargin?: number } = {},
  markers: readonly number[] = [],
  others: Partial<RecordedSnapshotParts> = {},
): RecordedSnapshots {
  return new RecordedSnapshots({
    config: {
      ...defaultBabuzaConfig(1, 1, 'address-1'),
      snapshotsKept: 2,
      compactionMargin: 0,
      ...settings,
    },
    manager,
    wal: { purge: async (toIndex) => void log.push(`purge ${toIndex}`) as never },
    storage: {
      createSnapshot: ({ index }) => void log.push(`shows ${index}`),
      firstIndex: () => firstIndex,
    },
    append: {
      save: ({ snapshot }) =>
        new Promise<void>((resolve, reject) => {
          log.push(`marker ${snapshot?.index}`);
          saves.push({ done: resolve, fail: reject });
        }),
    },
    markers: markers.map(at),
    logger: undefined,
    ownership: { recorded: async (index) => void log.push(`folder ${index}`) },
    signal: new AbortController().signal,
    sending,
    ...others,
  });
}

const store = (index: number): Promise<StoredSnapshot> =>
  manager.create(at(index), async (files) => files.writeFile('state', [bytesOf('state')]));

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

const indexes = (): number[] => manager.list().map(({ metadata }) => metadata.index);

async function recordWhole(recorded: RecordedSnapshots, index: number): Promise<void> {
  const recording = recorded.record(await store(index));
  saves.splice(0).forEach(({ done }) => done());
  await recording;
}

describe('a snapshot that was made', () => {
  it('counts when its record is durable: only then are the storage, the folder and the log updated', async () => {
    const recorded = newRecorded();
    const recording = recorded.record(await store(10));
    await turn();
    expect([log, recorded.newest(), recorded.newestIndex]).toEqual([['marker 10'], undefined, 10]);
    saves[0]?.done();
    await recording;
    expect(log).toEqual(['marker 10', 'shows 10', 'folder 10', 'purge 10']);
    expect(recorded.newest()).toEqual({ index: 10, term: 1 });
  });

  it('does not count when its record fails, while another waits', async () => {
    const recorded = newRecorded();
    const ten = recorded.record(await store(10));
    const twenty = recorded.record(await store(20));
    saves[0]?.fail(new Error('the log has failed'));
    saves[1]?.done();
    await expect(ten).rejects.toThrow('the log has failed');
    await twenty;
    expect(log).toEqual(['marker 10', 'marker 20', 'shows 20', 'folder 20', 'purge 20']);
    expect([recorded.newest()?.index, removed]).toEqual([20, [10]]);
  });

  it.each([
    ['older', 19, []],
    ['as new', 20, ['marker 20']],
    ['newer', 21, ['marker 21']],
  ])(
    'gets its marker only where it is not older than one that is installed: %s',
    async (_, index, expected) => {
      const recorded = newRecorded();
      recorded.installing(at(20));
      void recorded.record(await store(index));
      await turn();
      expect(log).toEqual(expected);
    },
  );

  it('is not shown in place of one that was installed while its record was written', async () => {
    const recorded = newRecorded();
    const recording = recorded.record(await store(10));
    recorded.installing(at(20));
    saves[0]?.done();
    await recording;
    expect(log).not.toContain('shows 10');
  });

  it('in place of a damaged one has its record already', async () => {
    await store(10);
    const recorded = newRecorded({}, [10]);
    await recorded.record(await store(10));
    expect(log).toEqual(['shows 10', 'folder 10', 'purge 10']);
  });
});

describe('the newest index', () => {
  it('is that of the newest snapshot that the log was opened with, and 0 where there is none', async () => {
    expect(newRecorded().newestIndex).toBe(0);
    for (const index of [10, 20, 30]) await store(index);
    // The files at 30 have no record, and the record at 40 has no files.
    expect(newRecorded({}, [10, 20, 40]).newestIndex).toBe(20);
  });

  it('does not go back when the record of an older one follows', () => {
    const recorded = newRecorded();
    for (const index of [20, 10]) recorded.installing(at(index));
    expect(recorded.newestIndex).toBe(20);
  });
});

describe('the log', () => {
  it('goes up to the oldest snapshot that is kept, less the margin behind the newest', async () => {
    const recorded = newRecorded({ snapshotsKept: 2, compactionMargin: 3 });
    const purges: (string | undefined)[] = [];
    for (const index of [10, 20, 22, 30]) {
      await recordWhole(recorded, index);
      purges.push(log.filter((line) => line.startsWith('purge')).at(-1));
    }
    // 10 - 3; then the oldest; 22 - 3 is below it; then 22, below 30 - 3.
    expect(purges).toEqual(['purge 7', 'purge 10', 'purge 19', 'purge 22']);
    expect(indexes()).toEqual([22, 30]);
  });

  it('stays from the oldest snapshot on that is being sent, as long as it is', async () => {
    const recorded = newRecorded({ snapshotsKept: 1 });
    await recordWhole(recorded, 10);
    sending.indexes.push(10, 5);
    log.length = 0;
    await recordWhole(recorded, 20);
    expect(log.at(-1)).toBe('purge 5');
    sending.indexes = [10];
    await recorded.tidy();
    expect(log.at(-1)).toBe('purge 10');
    sending.indexes = [];
    await recorded.tidy();
    expect(log.at(-1)).toBe('purge 20');
  });

  it.each([
    [9, ['purge 10']],
    [10, ['purge 10']],
    [11, []],
  ])('that begins at %i is purged up to 10 only where it has that', async (first, expected) => {
    firstIndex = first;
    const recorded = newRecorded();
    await recordWhole(recorded, 10);
    expect(log.filter((line) => line.startsWith('purge'))).toEqual(expected);
  });

  it('is not purged when no snapshot has a record', async () => {
    await store(10);
    await newRecorded().tidy();
    expect(log).toEqual(['folder 0']);
  });
});

describe('files', () => {
  it('whose record is submitted stay, and do not displace a snapshot that counts', async () => {
    const recorded = newRecorded({ snapshotsKept: 1 });
    await recordWhole(recorded, 10);
    await store(20);
    recorded.installing(at(20));
    await store(30);
    await recorded.tidy();
    // The newest files may be those of a snapshot whose message has not reached the core yet.
    expect([indexes(), recorded.newest()?.index]).toEqual([[10, 20, 30], 10]);
    recorded.installed(at(20));
    await recorded.tidy();
    expect([indexes(), recorded.newest()?.index]).toEqual([[20, 30], 20]);
  });

  it('go when the folder knows on which snapshot its log relies, and not before', async () => {
    const gate = newGate();
    const recorded = newRecorded({ snapshotsKept: 1 }, [10, 20], {
      ownership: { recorded: () => gate.passed },
    });
    for (const index of [5, 10, 20]) await store(index);
    const tidying = recorded.tidy();
    await turn();
    expect([indexes(), log]).toEqual([[5, 10, 20], []]);
    gate.open();
    await tidying;
    expect([indexes(), log]).toEqual([[20], ['purge 20']]);
  });

  it('of one that was installed and removed need its record again to count', async () => {
    const recorded = newRecorded({ snapshotsKept: 1 });
    recorded.installing(at(20));
    await store(20);
    recorded.installed(at(20));
    await recordWhole(recorded, 30);
    expect(indexes()).toEqual([30]);
    // A former leader sends it again.
    manager.stored.unshift({
      snapshot: { metadata: at(20), id: '20', bytes: 0, manifest: bytesOf('20'), linkedPaths: [] },
      files: new Map(),
    });
    await recorded.tidy();
    expect([indexes(), removed]).toEqual([[30], [20]]);
  });

  it('without a record are removed when there are newer ones', async () => {
    const recorded = newRecorded({ snapshotsKept: 1 });
    await store(5);
    await recordWhole(recorded, 10);
    expect([indexes(), removed]).toEqual([[10], [5]]);
  });

  it('without a record that cannot be removed cost only space', async () => {
    const warnings: string[] = [];
    const logger = { warn: (text: string) => void warnings.push(text) } as never;
    const recorded = newRecorded({}, [], { logger });
    await store(5);
    manager.remove = () => Promise.reject(new Error('no'));
    await recordWhole(recorded, 10);
    expect([recorded.newest()?.index, warnings.length]).toEqual([10, 1]);
  });

  it('that cannot be removed cost only space', async () => {
    const warnings: string[] = [];
    const logger = { warn: (text: string) => void warnings.push(text) } as never;
    const recorded = newRecorded({}, [], { logger });
    manager.retain = () => Promise.reject(new Error('no'));
    await recordWhole(recorded, 10);
    expect([recorded.newest()?.index, warnings.length]).toEqual([10, 1]);
  });

  it.each([
    [false, 1],
    [true, 0],
  ])(
    'cost a warning where the log cannot be purged, unless the node stops: %s',
    async (stops, count) => {
      const control = new AbortController();
      const warnings: string[] = [];
      const recorded = newRecorded({}, [], {
        signal: control.signal,
        logger: { warn: (text: string) => void warnings.push(text) } as never,
        wal: { purge: () => Promise.reject(new Error('the log has failed')) },
      });
      if (stops) control.abort();
      await recordWhole(recorded, 10);
      expect([recorded.newest()?.index, warnings.length]).toEqual([10, count]);
    },
  );

  it('are tidied twice at once without harm', async () => {
    const gate = newGate();
    const recorded = newRecorded({ snapshotsKept: 1 }, [10], {
      ownership: { recorded: () => gate.passed },
    });
    await store(10);
    await store(5);
    sending.indexes.push(7);
    const both = [recorded.tidy(), recorded.tidy()];
    gate.open();
    await Promise.all(both);
    expect(indexes()).toEqual([10]);
    expect(log).toEqual(['purge 7', 'purge 7']);
  });
});
