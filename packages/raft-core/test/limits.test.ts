/**
 * Limits of etcd's behaviour that the user of the core must know. The simulation has found each of
 * them.
 */

import { EntryType, MessageType, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { StateType, type MemoryStorage } from '../src/index.ts';
import { bytesOf, storageOf, TestNode } from './support.ts';

/** Elects a node that has written nothing in term 1, proposes, and returns its appends. */
function leadWithoutWriting(storage: MemoryStorage, text: string): Message[] {
  const node = new TestNode(storage, { asyncStorageWrites: true });
  node.raw.campaign();
  const requests = node.raw.ready().messages.filter(({ type }) => type === MessageType.Vote);
  expect(requests.map(({ to, term }) => [to, term])).toEqual([
    [2n, 1],
    [3n, 1],
  ]);
  // A voter grants repeated requests of the same candidate.
  for (const from of [2n, 3n]) {
    if (node.state !== StateType.Leader) node.step({ type: MessageType.VoteResp, from, term: 1 });
    if (node.state !== StateType.Leader) continue;
    node.raw.propose(bytesOf(text));
    node.step({ type: MessageType.AppResp, from, term: 1, index: 1 });
  }
  return node.raw.ready().messages.filter(({ type }) => type === MessageType.App);
}

describe("limits of etcd's behaviour", () => {
  it('vote requests that are sent before their term is durable allow two leaders in a term', () => {
    // Nothing of the first start became durable. The restarted node leads the same term with
    // another entry.
    const storage = storageOf({ voters: [1n, 2n, 3n] });
    const texts = ['x', 'y'].map((text) => {
      const entries = leadWithoutWriting(storage, text).flatMap((message) => message.entries);
      const proposed = entries.find(({ index }) => index === 2);
      return [proposed?.term, new TextDecoder().decode(proposed?.data)];
    });
    expect(texts).toEqual([
      [1, 'x'],
      [1, 'y'],
    ]);
  });

  it('a restarted single voter answers reads below its commit index before the crash', () => {
    // The entries up to 3 were committed and acknowledged. The durable commit index may be older.
    const storage = storageOf({
      voters: [1n],
      entries: '1:1,1,1',
      hardState: { term: 1, vote: 1n, commit: 1 },
    });
    const node = new TestNode(storage);
    node.raw.campaign();
    while (node.state !== StateType.Leader) node.process();
    node.raw.readIndex(bytesOf('r'));
    expect(node.raw.ready().readStates.map(({ index }) => index)).toEqual([1]);
  });

  it('without onlyVoterReadsAtOnce, a single voter waits for its first commit of the term', () => {
    const storage = storageOf({
      voters: [1n],
      entries: '1:1,1,1',
      hardState: { term: 1, vote: 1n, commit: 1 },
    });
    const node = new TestNode(storage, { onlyVoterReadsAtOnce: false });
    node.raw.campaign();
    while (node.state !== StateType.Leader) node.process();
    node.raw.readIndex(bytesOf('r'));
    const type = EntryType.Normal;
    const entries = [{ index: 0, term: 0, type, data: bytesOf('of another member') }];
    node.step({ type: MessageType.ReadIndex, from: 2n, entries });
    const answers: Message[] = [];
    while (node.raw.hasReady()) {
      const { messages } = node.process();
      answers.push(...messages.filter(({ type }) => type === MessageType.ReadIndexResp));
    }
    // The entry of its own term follows all entries that were ever committed.
    expect(node.reads).toEqual(['r@4']);
    expect(answers.map(({ index, to }) => [index, to])).toEqual([[4, 2n]]);
    node.raw.readIndex(bytesOf('later'));
    expect(node.raw.ready().readStates.map(({ index }) => index)).toEqual([4]);
  });
});
