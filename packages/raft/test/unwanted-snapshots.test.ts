/** Snapshots that are not wanted: none of their bytes is read, and nothing of them is kept. */
import { MessageType, newMessage, type ConfState, type Message } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TransportHandler } from '../src/ports/index.ts';
import { confStateOf } from '../src/membership/membership.ts';
import { bytesOf, handlersOf, World, type Member } from './support.ts';

let world: World;
let handlers: Map<bigint, TransportHandler>;
let readBytes: number;

beforeEach(() => {
  world = new World();
  handlers = handlersOf(world);
  readBytes = 0;
});
afterEach(() => world.close());

const idOf = ({ raft }: Member): bigint => raft.status().nodeId;
const stored = ({ snapshots }: Member): number[] =>
  snapshots.list().map(({ metadata }) => metadata.index);

interface Offer {
  readonly from: bigint;
  readonly term: number;
  readonly index?: number;
  readonly snapshotTerm?: number;
  readonly confState?: ConfState;
}

async function* files(): AsyncGenerator<Uint8Array, void, void> {
  readBytes += 1;
  yield bytesOf('[]');
}

function messageOf(to: bigint, { from, term, index = 500, ...rest }: Offer): Message {
  const { snapshotTerm = term, confState = confStateOfAll() } = rest;
  const metadata = { index, term: snapshotTerm, confState };
  const snapshot = { metadata, data: bytesOf('forged') };
  return newMessage({ type: MessageType.Snap, from, to, term, snapshot });
}

const confStateOfAll = (): ConfState => {
  const [first] = world.members.values();
  const members = first?.raft.clusterInfo().members ?? [];
  const membership = new Map(members.map((member) => [member.id, member]));
  return confStateOf({ members: membership, removed: new Set(), logIds: new Map() });
};

async function offer(to: Member, given: Offer): Promise<unknown> {
  const handler = handlers.get(idOf(to));
  const message = messageOf(idOf(to), given);
  const { signal } = new AbortController();
  const asked = await handler?.receivedSnapshotBytes(message).catch((error: unknown) => error);
  const taken = await world
    .until(handler?.receiveSnapshot(message, files(), signal) ?? Promise.resolve())
    .catch((error: unknown) => error);
  if (taken instanceof Error) expect(asked).toMatchObject({ code: 'RAFT_SNAPSHOT_REFUSED' });
  return taken;
}

describe('a member with a leader', () => {
  it('takes no snapshot of any other node, of no term, or of an impossible term', async () => {
    await world.startAll(3);
    const leader = await world.leader();
    const follower = await world.follower();
    await world.until(leader.raft.propose(bytesOf('a')));
    const before = stored(follower);
    const other = [...world.members.keys()].find(
      (id) => id !== idOf(leader) && id !== idOf(follower),
    );
    const { term } = leader.raft.status();
    const from = idOf(leader);
    const noConfState = { ...confStateOfAll(), voters: [idOf(leader)] };
    for (const given of [
      { from: other ?? 0n, term },
      { from: 9n, term },
      { from: 9n, term: term + 5 },
      { from, term: 0 },
      { from, term: term - 1 },
      { from, term, index: 0 },
      { from, term, snapshotTerm: 0 },
      { from, term, snapshotTerm: term + 1 },
      { from, term, confState: noConfState },
      { from, term: 2 ** 53 - 1 },
      { from: other ?? 0n, term: term + 2 ** 28 + 100 },
    ]) {
      expect(await offer(follower, given), JSON.stringify(given, String)).toMatchObject({
        code: 'RAFT_SNAPSHOT_REFUSED',
      });
    }
    // The leader itself takes none of its own term.
    expect(await offer(leader, { from: other ?? 0n, term })).toBeInstanceOf(Error);
    await world.pass(1000);
    expect([readBytes, stored(follower)]).toEqual([0, before]);
    expect(follower.raft.status()).toMatchObject({ refusedMessages: 22, term });
    const again = await world.restart(idOf(follower));
    expect(stored(again)).toEqual(before);
  });

  it('reads no byte of one that it has committed, and its leader hears how far it is', async () => {
    await world.startAll(3);
    const leader = await world.leader();
    const follower = await world.follower();
    await world.until(leader.raft.propose(bytesOf('a')));
    await world.pass(1000);
    const { term, commitIndex } = follower.raft.status();
    const before = stored(follower);
    const sent = world.wire.sent.length;
    expect(await offer(follower, { from: idOf(leader), term, index: commitIndex })).toBe(undefined);
    await world.pass(50);
    expect([readBytes, stored(follower)]).toEqual([0, before]);
    const isAnswer = ({ from, message }: (typeof world.wire.sent)[number]): boolean =>
      from === idOf(follower) && message.type === MessageType.AppResp;
    expect(world.wire.sent.slice(sent).some(isAnswer)).toBe(true);
  });
});

it('files that the core does not take over are given back at once', async () => {
  await world.startAll(3);
  const leader = await world.leader();
  const follower = await world.follower();
  const before = stored(follower);
  const { manager, message } = await forgedInPlace(follower, leader);
  // The log has the entry at that index with that term, so the core needs no snapshot.
  const handler = handlers.get(idOf(follower));
  const { signal } = new AbortController();
  await world.until(handler?.receiveSnapshot(message, files(), signal) ?? Promise.resolve());
  expect(manager.received).toBe(1);
  expect(stored(follower)).toEqual(before);
});

/** A snapshot at an index that the follower has in its log and does not know to be committed. */
async function forgedInPlace(
  follower: Member,
  leader: Member,
): Promise<{ manager: { received: number }; message: Message }> {
  const manager = { received: 0 };
  const { snapshots } = follower;
  await world.until(leader.raft.manualSnapshot());
  const newest = leader.snapshots.stored.at(-1);
  const receive = snapshots.receive.bind(snapshots);
  snapshots.receive = async (metadata, data) => {
    manager.received += 1;
    const all = [...(newest?.files ?? [])].map(([name, bytes]) => [
      name,
      Buffer.from(bytes).toString('base64'),
    ]);
    const stream = async function* (): AsyncGenerator<Uint8Array, void, void> {
      yield bytesOf(JSON.stringify(all));
    };
    return receive(metadata, data, stream());
  };
  world.wire.loses = ({ type, commit, to }) =>
    to === idOf(follower) && commit > follower.raft.status().commitIndex && type !== undefined;
  const commitBefore = follower.raft.status().commitIndex;
  await world.until(leader.raft.propose(bytesOf('a')));
  await world.pass(50);
  const { lastIndex, term, commitIndex } = follower.raft.status();
  expect([commitIndex, lastIndex > commitIndex]).toEqual([commitBefore, true]);
  const message = messageOf(idOf(follower), { from: idOf(leader), term, index: lastIndex });
  return { manager, message };
}
