/** The wrong back ends, and the tests of the suite that must fail on each of them. */
import type { MemoryDisk, ReferenceManager } from './reference.ts';
import * as logs from './wrong-logs.ts';
import * as managers from './wrong-managers.ts';
import * as stores from './wrong-stores.ts';

export interface WrongBackend {
  readonly name: string;
  /** The beginnings of the names of the tests that must fail. */
  readonly failing: readonly [string, ...string[]];
  readonly open: (disk: MemoryDisk) => ReferenceManager;
}

type Store = ConstructorParameters<typeof managers.PatchedManager>[1];

function store(Store: NonNullable<Store>, ...failing: [string, ...string[]]): WrongBackend {
  return { name: Store.name, failing, open: (disk) => new managers.PatchedManager(disk, Store) };
}

function log(name: string, handOut: logs.HandOut, ...failing: [string, ...string[]]): WrongBackend {
  return {
    name,
    failing,
    open: (disk) => new managers.PatchedManager(disk, undefined, handOut),
  };
}

function manager(
  Manager: new (disk: MemoryDisk) => ReferenceManager,
  ...failing: [string, ...string[]]
): WrongBackend {
  return { name: Manager.name, failing, open: (disk) => new Manager(disk) };
}

export const wrongBackends: readonly WrongBackend[] = [
  store(stores.NoSyncForVotes, 'entries, terms, votes and markers are synced'),
  store(stores.SyncsAlways, 'a save that changes nothing'),
  store(
    stores.AcknowledgesBeforeSync,
    'entries, terms, votes and markers are synced',
    'the view shows',
  ),
  store(stores.SyncsEachSave, 'saves that wait together share syncs'),
  store(stores.SyncsWhenUnsafe, 'after setUnsafeNoFsync'),
  store(stores.PublishesBeforeWrite, 'the view shows', 'older entries stay visible'),
  store(stores.KeepsStaleCache, 'entries can be replaced from every index'),
  store(
    stores.KeepsOldPayloads,
    'the entries of a new leader replace',
    'entries can be replaced from every index',
  ),
  store(stores.NeverEvicts, 'the cache stays', 'an entry larger'),
  store(
    stores.ResurrectsHigherEntries,
    'replacing an entry removes all higher',
    'many conflicts in a row',
  ),
  store(stores.ForgetsDiscard, 'discardUncommitted drops', 'discardUncommitted keeps'),
  store(
    stores.ForgetsDiscardOfAll,
    'discardUncommitted when no entry',
    'discardUncommitted when the first kept',
    'discardUncommitted after a purge',
  ),
  store(stores.PurgesHalf, 'a purge removes all entries up to its index', 'markers below a purge'),
  store(stores.ForgetsTermOfPurge, 'a log whose entries are all purged'),
  store(stores.KeepsCallersBuffers, 'a buffer that its owner'),
  store(stores.ReusesReadBuffer, 'entries that a reader has'),
  store(stores.EmptyIsAbsent, 'entries of every type'),
  store(stores.RoundsIds, 'a restart restores term, vote and commit', 'the largest indexes'),
  store(
    stores.ForgetsReset,
    'an installed snapshot over an entry of another term',
    'stale entries never reappear',
  ),
  store(stores.ResetsAlways, 'a marker that matches an entry'),
  store(stores.KeepsVotersOnly, 'a marker that matches an entry'),
  store(stores.KeepsNewestMarkerOnly, 'findSnapshots lists', 'a replay from an older snapshot'),
  store(stores.ForgetsCommitOfMarker, 'a marker raises the commit index'),
  store(stores.KeepsPartWithoutSpace, 'a full disk rejects'),
  log('acceptsHoles', logs.acceptsHoles, 'a gap is refused'),
  log(
    'acknowledgesOutOfOrder',
    logs.acknowledgesOutOfOrder,
    'saves of every kind resolve strictly',
    'a save without a sync',
  ),
  log('neverCloses', logs.neverCloses, 'a closed log', 'closing waits'),
  log('savesWhatItCan', logs.savesWhatItCan, 'a refused batch leaves the log unchanged'),
  log('purgesToCommit', logs.purgesToCommit, 'a purge above the commit index'),
  log('ignoresMaxBytes', logs.ignoresMaxBytes, 'entries stops before maxBytes'),
  log('countsPayloads', logs.countsPayloads, 'entries stops before maxBytes'),
  log(
    'mayReturnNothing',
    logs.mayReturnNothing,
    'entries stops before maxBytes',
    'a purge removes all entries up to its index',
  ),
  {
    name: 'limitsOnRead',
    failing: ['an entry of exactly the limit'],
    open: (disk) => new managers.NoLimitOnWrite(disk, undefined, logs.limitsOnRead),
  },
  manager(managers.ForgetsEmptyLogs, 'a log whose entries are all purged'),
  manager(managers.SkipsMetadataCheck, 'a log of another cluster'),
  manager(managers.StartsFromAnySnapshot, 'a replay from an unknown snapshot'),
  manager(managers.OpensTwice, 'a log that is open', 'a directory has one manager at a time'),
  manager(managers.OneLogForAllGroups, 'the logs of several groups'),
  manager(managers.CreatesOverALog, 'a log is created once'),
  manager(managers.NeverClosesManager, 'closing a manager closes'),
  manager(managers.ForgetsIdentityRecord, 'an identity record of any size'),
  manager(managers.OneIdentityRecord, 'each group has an identity record'),
  manager(managers.SharesIdentityRecord, 'an identity record is copied'),
  manager(
    managers.ForgetsIdentity,
    'a restart restores the identity of the metadata',
    'the identity of the metadata survives',
  ),
  manager(
    managers.SaysNothing,
    'an event reports that a log was opened',
    'an event reports a purge',
  ),
];
