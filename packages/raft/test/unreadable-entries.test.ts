/** Committed entries that no replica can read: each replica skips them, and starts again. */
import {
  ConfChangeTransition,
  ConfChangeType,
  encodeConfChangeV2,
  EntryType,
  type ConfChangeSingle,
} from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { walBackend } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope, EnvelopeKind } from '../src/proposals/envelope.ts';
import type { RaftEvent } from '../src/index.ts';
import { unknownIdentity } from '../src/identity/cluster-identity.ts';
import { encodeIdentityEntry } from '../src/identity/identity-entries.ts';
import { encodeOperations } from '../src/membership/membership-codec.ts';
import { coreChanges, type MembershipOperation } from '../src/membership/membership.ts';
import { UnreadableEntries } from '../src/apply/unreadable-entries.ts';
import { bytesOf, World, type Member } from './support.ts';

let world: World;

beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const garbage = bytesOf('\u0007 nothing that anybody has written');
const identity = encodeEnvelope({
  kind: EnvelopeKind.Identity,
  proposedAtMs: 0,
  payload: bytesOf('{"version":1,"birth":7}'),
});
const renewed = encodeEnvelope({
  kind: EnvelopeKind.Identity,
  proposedAtMs: 0,
  payload: encodeIdentityEntry({
    renewed: { ...unknownIdentity, birth: 'c'.repeat(32) },
    logIds: new Map([1n, 2n, 3n].map((id) => [id, 'd'.repeat(32)])),
  }),
});
const later = encodeEnvelope({ kind: EnvelopeKind.Payload, proposedAtMs: 0, payload: garbage });
later[0] = 2;

/** Appends an entry to the log of a stopped member, as a hostile leader would. */
async function poison(
  { store }: Pick<Member, 'store'>,
  type: EntryType,
  data: Uint8Array,
): Promise<void> {
  const manager = await walBackend.open('/memory', { store });
  const { wal, storage } = await manager.replayWal();
  const { term, vote } = storage.initialState().hardState;
  const index = storage.lastIndex() + 1;
  await wal.save({
    hardState: { term, vote, commit: index },
    entries: [{ index, term, type, data }],
  });
  await manager.close();
}

function change(
  changes: readonly ConfChangeSingle[],
  operations: readonly MembershipOperation[] = [],
): Uint8Array {
  const context = operations.length === 0 ? undefined : encodeOperations(operations);
  const transition = ConfChangeTransition.Auto;
  return encodeConfChangeV2({ transition, changes, ...(context && { context }) });
}

const removals = [1n, 2n, 3n].map((nodeId) => ({ type: ConfChangeType.RemoveNode, nodeId }));
const added = { type: ConfChangeType.AddNode, nodeId: 7n };
const address: MembershipOperation = { op: 'address', id: 1n, address: 'elsewhere' };

const cases: readonly [string, EntryType, Uint8Array][] = [
  ['is no envelope', EntryType.Normal, garbage],
  ['is of a later format', EntryType.Normal, later],
  ['concerns identities and is none of ours', EntryType.Normal, identity],
  ['begins a new identity, with other logs', EntryType.Normal, renewed],
  ['is no change of the membership', EntryType.ConfChangeV2, garbage],
  ['is no change of the membership, in the old form', EntryType.ConfChange, garbage],
  ['leaves joint consensus, where there is none', EntryType.ConfChangeV2, change([])],
  ['removes all voters from the quorum', EntryType.ConfChangeV2, change(removals)],
  ['adds a voter that is no member', EntryType.ConfChangeV2, change([added])],
  [
    'changes another member in the quorum than in the membership',
    EntryType.ConfChangeV2,
    change([added], [address]),
  ],
];

it('an entry is told once a minute, with how many there were', async () => {
  const clock = new SimulatedClock();
  const events: RaftEvent[] = [];
  const unreadable = new UnreadableEntries({
    clock,
    logger: undefined,
    tell: (event) => events.push(event),
  });
  const error = new Error('the entry cannot be read');
  const passOver = (index: number): void =>
    unreadable.passedOver({ index, term: 1, type: EntryType.Normal }, error);
  for (let index = 1; index <= 100; index += 1) passOver(index);
  const first = { type: 'entry-unreadable', index: 1, error, times: 1 };
  expect(events).toEqual([first]);
  await clock.advance(59_999);
  passOver(101);
  expect(events).toEqual([first]);
  await clock.advance(1);
  passOver(102);
  passOver(103);
  expect(events).toEqual([first, { ...first, index: 102, times: 101 }]);
});

it('a change within joint consensus has no effect, and is no part of a recovery', async () => {
  await world.startAll(2);
  const { raft, store, snapshots } = await world.leader();
  await world.until(raft.propose(bytesOf('before')));
  for (const member of world.members.values()) await world.until(member.raft.shutdown());
  world.members.clear();
  const other = raft.nodeId === 1n ? 2n : 1n;
  const added: MembershipOperation[] = [7n, 8n].map((id) => ({
    op: 'set',
    id,
    role: 'voter',
    address: `address-${id}`,
  }));
  const removal: MembershipOperation = { op: 'remove', id: other };
  const type = EntryType.ConfChangeV2;
  for (const operations of [added, [removal]]) {
    await poison({ store }, type, change(coreChanges(operations), operations));
  }
  const alone = await world.until(world.start(raft.nodeId, 'alone', { store, snapshots }));
  await world.until(alone.raft.waitForLeader());
  await world.until(alone.raft.propose(bytesOf('after')));
  expect(alone.raft.clusterInfo().members.map(({ id }) => id)).toEqual([raft.nodeId]);
  expect(alone.raft.status().progress).toHaveLength(1);
  expect(alone.machine.texts).toEqual(['before', 'after']);
});

describe.each(cases)('a committed entry that %s', (_, type, data) => {
  it('has no effect, and stops no member at any start', async () => {
    await world.startAll(3);
    const leader = await world.leader();
    await world.until(leader.raft.propose(bytesOf('before')));
    await world.pass(1000);
    const members = [...world.members];
    for (const [, { raft }] of members) await world.until(raft.shutdown());
    world.members.clear();
    for (const [, member] of members) await poison(member, type, data);
    for (const [id, member] of members) await world.until(world.start(id, undefined, member));
    const again = await world.leader();
    await world.until(again.raft.propose(bytesOf('after')));
    await world.pass(1000);
    for (const { machine } of world.members.values()) {
      expect(machine.texts).toEqual(['before', 'after']);
    }
    expect(world.logged('error', 'a committed entry cannot be read')).toHaveLength(3);
    const addresses = again.raft.clusterInfo().members.map((member) => member.address);
    expect(addresses).toEqual(['address-1', 'address-2', 'address-3']);
    expect(again.raft.status().progress).toHaveLength(3);
    const restarted = await world.restart(again.raft.status().nodeId);
    await world.pass(3000);
    expect(restarted.machine.texts).toEqual(['before', 'after']);
  });

  it('does not keep a survivor from its recovery', async () => {
    await world.startAll(2);
    const leader = await world.leader();
    await world.until(leader.raft.propose(bytesOf('before')));
    for (const { raft } of world.members.values()) await world.until(raft.shutdown());
    world.members.clear();
    await poison(leader, type, data);
    const alone = await world.until(world.start(leader.raft.nodeId, 'alone', leader));
    await world.until(alone.raft.waitForLeader());
    await world.until(alone.raft.propose(bytesOf('after')));
    expect(alone.machine.texts).toEqual(['before', 'after']);
  });
});
