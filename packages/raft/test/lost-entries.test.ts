/**
 * Heartbeats with a commit index that the log does not reach: which of them are certainly false,
 * and how a node is restricted while its log may have lost entries.
 */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { LostEntries } from '../src/incoming/lost-entries.ts';

let lastIndex: number;
let lastTerm: number;
let status: { term: number; lead: bigint };
let isReadable: boolean;
let lost: LostEntries;

beforeEach(() => {
  [lastIndex, lastTerm, isReadable] = [10, 4, true];
  status = { term: 5, lead: 1n };
  lost = new LostEntries({
    nodeId: 2n,
    log: {
      lastIndex: () => lastIndex,
      term: () => {
        if (!isReadable) throw new Error('the log cannot be read');
        return lastTerm;
      },
    },
    status: () => status,
  });
});

const heartbeat = (commit: number, change: Partial<Message> = {}): Message =>
  newMessage({ type: MessageType.Heartbeat, from: 1n, term: 5, commit, ...change });

const answer = (change: Partial<Message> = {}): Message =>
  newMessage({ type: MessageType.AppResp, from: 2n, to: 1n, term: 5, index: 10, ...change });

describe('a heartbeat of the leader', () => {
  it.each([
    [9, false],
    [10, false],
    [11, true],
    [2 ** 53 - 1, true],
  ])('with commit index %i, where the log ends at 10', (commit, isRefused) => {
    expect(lost.refusal(heartbeat(commit)) !== undefined).toBe(isRefused);
    expect(lost.isPossible).toBe(isRefused);
    expect(lost.problem !== undefined).toBe(isRefused);
  });

  it('says what the operator must do where the log may have lost entries', () => {
    const text = lost.refusal(heartbeat(11));
    expect(text).toMatch(/commit index 11, and the log of this node ends at index 10/);
    expect(text).toMatch(/remove this id \(2\) from the cluster/);
    expect(lost.problem).toMatch(/leader 1 claims the commit index 11.*ended at index 10/);
  });

  it.each([
    ['an append was accepted since the start', {}, false],
    ['an append of another leader was accepted in an older term', { to: 3n, term: 4 }, false],
    ['an append was rejected', { reject: true }, true],
    ['only a heartbeat was answered', { type: MessageType.HeartbeatResp }, true],
  ])('with a commit index above the log, where %s', (_, change, isPossible) => {
    lost.answered(answer(change));
    expect(lost.refusal(heartbeat(11))).toMatch(/commit index 11/);
    expect(lost.isPossible).toBe(isPossible);
  });

  it('of an older term is left to the core, which answers it', () => {
    expect(lost.refusal(heartbeat(99, { term: 4 }))).toBeUndefined();
    expect(lost.isPossible).toBe(false);
  });
});

describe('a heartbeat of a node that is not known to lead', () => {
  it.each([
    ['another node leads this term', { from: 3n }, 1n, false],
    ['nobody leads this term yet', {}, 0n, true],
    ['its term is a later one', { term: 6 }, 1n, true],
  ])('with a commit index above the log, where %s', (_, change, lead, isPossible) => {
    status.lead = lead;
    expect(lost.refusal(heartbeat(11, change))).toMatch(/commit index 11/);
    expect(lost.isPossible).toBe(isPossible);
  });
});

it.each([MessageType.App, MessageType.Snap, MessageType.Vote, MessageType.AppResp])(
  'a message of type %i says nothing about the log',
  (type) => {
    expect(lost.refusal(heartbeat(99, { type }))).toBeUndefined();
  },
);

describe('a log that may have lost entries', () => {
  it.each([
    ['is one entry short of the claimed index', 19, 5, true],
    ['has reached the claimed index', 20, 5, false],
    ['has an entry of a later term', 11, 6, false],
    ['has an entry of the term of the claim', 11, 5, true],
  ])('%s', (_, index, term, isPossible) => {
    lost.refusal(heartbeat(20));
    expect(lost.isPossible).toBe(true);
    [lastIndex, lastTerm] = [index, term];
    expect(lost.isPossible).toBe(isPossible);
    expect(lost.problem !== undefined).toBe(isPossible);
    // A loss that was resolved does not come back by itself.
    [lastIndex, lastTerm] = [10, 4];
    expect(lost.isPossible).toBe(isPossible);
  });

  it.each([
    ['of the leader that has claimed it', { term: 6 }, false],
    ['of a leader of an older term', { to: 3n }, false],
    ['of a later leader', { to: 3n, term: 7 }, true],
  ])('has not when it accepts an append %s: %s', (_, change, isPossible) => {
    lost.refusal(heartbeat(20, { term: 6 }));
    lost.answered(answer(change));
    expect(lost.isPossible).toBe(isPossible);
  });

  it('is measured by the highest claim, whatever comes after it', () => {
    lost.refusal(heartbeat(20, { term: 6 }));
    lost.refusal(heartbeat(11));
    [lastIndex, lastTerm] = [19, 6];
    expect(lost.isPossible).toBe(true);
    lastIndex = 20;
    expect(lost.isPossible).toBe(false);
  });

  it('stays so while it cannot be read', () => {
    lost.refusal(heartbeat(20));
    isReadable = false;
    lastTerm = 6;
    expect(lost.isPossible).toBe(true);
  });
});
