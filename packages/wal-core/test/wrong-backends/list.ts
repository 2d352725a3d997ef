/** The wrong back ends, and which tests of the suite must notice each of them. */
import type { MemoryPlace, ReferenceManager } from './reference.ts';
import * as logs from './wrong-logs.ts';
import * as managers from './wrong-managers.ts';
import * as stores from './wrong-stores.ts';

export interface WrongBackend {
  readonly name: string;
  /** How the names of the tests begin that must fail. */
  readonly failing: readonly [string, ...string[]];
  readonly open: (place: MemoryPlace) => ReferenceManager;
}

type Store = ConstructorParameters<typeof managers.PatchedManager>[1];

function store(Store: NonNullable<Store>, ...failing: [string, ...string[]]): WrongBackend {
  return { name: Store.name, failing, open: (place) => new managers.PatchedManager(place, Store) };
}

function log(name: string, handOut: logs.HandOut, ...failing: [string, ...string[]]): WrongBackend {
  return {
    name,
    failing,
    open: (place) => new managers.PatchedManager(place, undefined, handOut),
  };
}

function manager(
  Manager: new (place: MemoryPlace) => ReferenceManager,
  ...failing: [string, ...string[]]
): WrongBackend {
  return { name: Manager.name, failing, open: (place) => new Manager(place) };
}

export const wrongBackends: readonly WrongBackend[] = [
  store(stores.NoSyncForVotes, 'law 1: what must be durable'),
  store(stores.SyncsAlways, 'law 1: what changes nothing'),
  store(stores.AcknowledgesBeforeSync, 'law 1: what must be durable', 'rule 4: the view shows'),
  store(stores.SyncsEachSave, 'saves that wait together share syncs'),
  store(stores.SyncsWhenUnsafe, 'setUnsafeNoFsync'),
  store(stores.PublishesBeforeWrite, 'rule 4: the view shows', 'older entries stay visible'),
  store(stores.KeepsStaleCache, 'law 2: a conflict at every offset'),
  store(
    stores.KeepsOldPayloads,
    'law 2: an uncommitted tail and a new leader',
    'law 2: a conflict at every offset',
  ),
  store(stores.NeverEvicts, 'law 3: the cache stays', 'law 3: an entry larger'),
  store(stores.ResurrectsHigherEntries, 'law 4: higher entries', 'many conflicts in a row'),
  store(
    stores.ForgetsDiscard,
    'law 5: discardUncommitted drops',
    'law 5: discardUncommitted keeps',
  ),
  store(
    stores.ForgetsDiscardOfAll,
    'law 5: discardUncommitted when no entry',
    'law 5: discardUncommitted when the first kept',
    'law 5: discardUncommitted behind a purge',
  ),
  store(stores.PurgesHalf, 'law 8: everything that a purge covers', 'markers below a purge'),
  store(stores.ForgetsTermOfPurge, 'law 7: a log whose entries are all purged'),
  store(stores.KeepsCallersBuffers, 'rule 6: a buffer that its owner'),
  store(stores.ReusesReadBuffer, 'rule 6: what was handed out'),
  store(stores.EmptyIsAbsent, 'entries of every type'),
  store(stores.RoundsIds, 'term, vote and commit come back', 'indexes, terms and ids'),
  store(
    stores.ForgetsReset,
    'an installed snapshot over an entry of another term',
    'stale entries never come back',
  ),
  store(stores.ResetsAlways, 'a marker that matches an entry'),
  store(stores.KeepsVotersOnly, 'a marker that matches an entry'),
  store(stores.KeepsNewestMarkerOnly, 'findSnapshots lists', 'a start from an older snapshot'),
  store(stores.ForgetsCommitOfMarker, 'a marker raises the commit index'),
  store(stores.KeepsPartWithoutSpace, 'rule 5: no space rejects'),
  log('acceptsHoles', logs.acceptsHoles, 'law 4: a hole is refused'),
  log(
    'acknowledgesOutOfOrder',
    logs.acknowledgesOutOfOrder,
    'rule 4: saves resolve strictly',
    'rule 4: a save without a sync',
  ),
  log('neverCloses', logs.neverCloses, 'law 10: a closed log', 'law 10: closing waits'),
  log('savesWhatItCan', logs.savesWhatItCan, 'a refused batch leaves the log unchanged'),
  log('purgesToCommit', logs.purgesToCommit, 'a purge above the commit index'),
  log('ignoresMaxBytes', logs.ignoresMaxBytes, 'entries stops before maxBytes'),
  log('countsPayloads', logs.countsPayloads, 'entries stops before maxBytes'),
  log(
    'mayReturnNothing',
    logs.mayReturnNothing,
    'entries stops before maxBytes',
    'law 8: everything',
  ),
  {
    name: 'limitsOnRead',
    failing: ['law 9: an entry of exactly the limit'],
    open: (place) => new managers.NoLimitOnWrite(place, undefined, logs.limitsOnRead),
  },
  manager(managers.ForgetsEmptyLogs, 'law 7: a log whose entries are all purged'),
  manager(managers.SkipsMetadataCheck, 'law 10: a log of another cluster'),
  manager(managers.StartsFromAnySnapshot, 'a start from an unknown snapshot'),
  manager(managers.OpensTwice, 'a log that is open', 'one manager at a time'),
  manager(managers.OneLogForAllGroups, 'rule 11: the logs of several groups'),
  manager(managers.CreatesOverALog, 'a log is created once'),
  manager(managers.NeverClosesManager, 'law 10: a manager that closes'),
  manager(managers.ForgetsIdentityRecord, 'an identity record comes back'),
  manager(managers.OneIdentityRecord, 'each group has an identity record'),
  manager(managers.SharesIdentityRecord, 'an identity record is a copy'),
  manager(
    managers.ForgetsIdentity,
    'the identity of the metadata comes back',
    'the identity of the metadata outlives',
  ),
  manager(managers.SaysNothing, 'an opening is announced', 'a purge is announced'),
];
