/**
 * A storage that cannot read at the moment (`WAL_TRY_AGAIN`). Its log is intact, and the core tries
 * again later.
 */
import { describe, expect, it } from 'vitest';
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import { MemoryStorage, RawNode, StateType } from '../src/index.ts';
import { entriesOf } from './support.ts';

class ShortStorage extends MemoryStorage {
  isShort = false;

  override entries(lo: number, hi: number, maxBytes: number): ReturnType<MemoryStorage['entries']> {
    if (this.isShort) throw Object.assign(new Error('no descriptor'), { code: 'WAL_TRY_AGAIN' });
    return super.entries(lo, hi, maxBytes);
  }
}

const voters = [1n, 2n];

function storageOf(terms: string): ShortStorage {
  const storage = new ShortStorage();
  storage.applySnapshot({
    metadata: {
      index: 1,
      term: 1,
      confState: { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    },
    data: undefined,
  });
  storage.append(entriesOf(terms));
  storage.setHardState({ term: 1, vote: 1n, commit: 4 });
  return storage;
}

function nodeOf(storage: MemoryStorage): RawNode {
  return new RawNode({
    id: 1n,
    storage,
    electionTick: 10,
    heartbeatTick: 1,
    maxSizePerMsg: 1000,
    maxInflightMsgs: 10,
    applied: 1,
    asyncStorageWrites: true,
    random: () => 0,
  });
}

/** Takes Readys until there are none, at most the given number of times. */
function work(node: RawNode): ReturnType<RawNode['ready']>[] {
  const taken: ReturnType<RawNode['ready']>[] = [];
  while (node.hasReady() && taken.length < 20) taken.push(node.ready());
  return taken;
}

function ticks(node: RawNode, count: number): void {
  for (let tick = 0; tick < count; tick += 1) node.tick();
}

describe('a storage that cannot read at the moment', () => {
  it('holds back committed entries, and only them, until the next tick', () => {
    const storage = storageOf('2:1,1,1');
    const node = nodeOf(storage);
    storage.isShort = true;
    expect(work(node).length).toBeLessThan(3);
    expect(node.hasReady()).toBe(false);
    node.tick();
    expect(work(node).flatMap(({ committedEntries }) => committedEntries)).toEqual([]);
    storage.isShort = false;
    expect(work(node)).toEqual([]);
    node.tick();
    const applied = work(node).flatMap(({ committedEntries }) => committedEntries);
    expect(applied.map(({ index }) => index)).toEqual([2, 3, 4]);
  });

  it('does not stop a leader, which sends the entries after the next heartbeat response', () => {
    const storage = storageOf('2:1,1,1');
    const node = nodeOf(storage);
    node.campaign();
    const deliver = (readies: ReturnType<typeof work>): void => {
      for (const { messages } of readies) {
        for (const { responses } of messages) {
          for (const response of responses) if (response.to === 1n) node.step(response);
        }
      }
    };
    deliver(work(node));
    node.step(newMessage({ type: MessageType.VoteResp, from: 2n, to: 1n, term: 2 }));
    deliver(work(node));
    deliver(work(node));
    expect(node.basicStatus().raftState).toBe(2);
    storage.isShort = true;
    const rejection = { type: MessageType.AppResp, from: 2n, to: 1n, term: 2, reject: true };
    node.step(newMessage({ ...rejection, index: 4, rejectHint: 1, logTerm: 1 }));
    const sent = (): number[] =>
      work(node)
        .flatMap(({ messages }) => messages)
        .filter(({ type, to }) => type === MessageType.App && to === 2n)
        .flatMap(({ entries }) => entries.map(({ index }) => index));
    expect(sent()).toEqual([]);
    storage.isShort = false;
    node.step(newMessage({ type: MessageType.HeartbeatResp, from: 2n, to: 1n, term: 2 }));
    expect(sent().slice(0, 2)).toEqual([2, 3]);
  });

  it.each([
    ['its election timeout', (node: RawNode): void => ticks(node, 10)],
    [
      'a leadership transfer to it',
      (node: RawNode): void =>
        node.step(newMessage({ type: MessageType.TimeoutNow, from: 2n, to: 1n, term: 1 })),
    ],
  ])('delays the campaign after %s, and does not stop the node', (_, begin) => {
    const storage = storageOf('2:1,1,1');
    const node = nodeOf(storage);
    storage.isShort = true;
    begin(node);
    expect(node.basicStatus()).toMatchObject({ raftState: StateType.Follower, term: 1 });
    storage.isShort = false;
    ticks(node, 10);
    expect(node.basicStatus()).toMatchObject({ raftState: StateType.Candidate, term: 2 });
  });

  it('keeps a node from campaigning while it cannot read a membership change', () => {
    const storage = storageOf('2:1,1');
    const change = { type: EntryType.ConfChangeV2, data: undefined };
    storage.append([{ index: 4, term: 1, ...change }]);
    const node = nodeOf(storage);
    storage.isShort = true;
    ticks(node, 10);
    storage.isShort = false;
    ticks(node, 10);
    expect(node.basicStatus()).toMatchObject({ raftState: StateType.Follower, term: 1 });
  });
});
