/** Each way in which a proposal ends for its caller: answered once, refused, or unknown. */
import { ProposalDroppedError, StateType } from '@babuza/raft-core';
import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  decodeEnvelope,
  encodeEnvelope,
  EnvelopeKind,
  entryOverheadBytes,
  envelopeOverheadMax,
  requestsPerIncarnation,
} from '../src/proposals/envelope.ts';
import { NotLeaderError, RaftError, StoppedError } from '../src/errors.ts';
import { IdentityGate } from '../src/identity/identity-gate.ts';
import { Proposals, type ProposalParts } from '../src/proposals/proposals.ts';
import { bytesOf } from './support.ts';

const entryBytesMax = 4096;
const forwardTimeoutMs = 1000;

let clock: SimulatedClock;
let raftState: StateType;
let leaderId: bigint | undefined;
let mustWait: boolean;
let lastIndex: number;
let handed: Uint8Array[];
/** The number of bytes of the entries that were proposed directly. */
let placedBytes: number[];
let checkOpen: () => void;
let refusal: Error | undefined;
let gate: IdentityGate;
let proposals: Proposals;

function newProposals(forwards = true, run?: ProposalParts['core']['run']): Proposals {
  gate = new IdentityGate(() => mustWait);
  const node = {
    basicStatus: () => ({ raftState }),
    proposeAll: (data: readonly Uint8Array[]) => {
      lastIndex += data.length;
      return { index: lastIndex - data.length + 1, term: 3 };
    },
    propose: (data: Uint8Array) => {
      if (raftState === StateType.Leader) {
        lastIndex += 1;
        placedBytes.push(data.length);
        return { index: lastIndex, term: 3 };
      }
      return void handed.push(data);
    },
  };
  return new Proposals({
    nodeId: 2n,
    incarnation: 5,
    clock,
    entryBytesMax,
    batchBytesMax: 1 << 20,
    forwards,
    forwardTimeoutMs,
    leader: () => (leaderId === undefined ? undefined : { id: leaderId, address: undefined }),
    gate,
    checkOpen: () => checkOpen(),
    core: {
      run:
        run ??
        ((step) => {
          if (refusal !== undefined) throw refusal;
          return step(node as never);
        }),
    },
    wake: () => undefined,
  });
}

beforeEach(() => {
  clock = new SimulatedClock();
  [raftState, leaderId, mustWait, lastIndex] = [StateType.Leader, 2n, false, 9];
  [handed, placedBytes] = [[], []];
  checkOpen = () => undefined;
  refusal = undefined;
  proposals = newProposals();
});

function follow(): void {
  raftState = StateType.Follower;
  leaderId = 1n;
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

/** Proposes, and notes the end. */
function propose(payload = bytesOf('a'), signal?: AbortSignal): { end: unknown } {
  return noted(proposals.propose(EnvelopeKind.Payload, payload, undefined, signal));
}

function noted(promise: Promise<{ entry: Entry }>): { end: unknown } {
  const note: { end: unknown } = { end: undefined };
  promise.then(
    ({ entry }) => (note.end = entry.index),
    (error: unknown) => (note.end = Reflect.get(Object(error), 'code') ?? String(error)),
  );
  return note;
}

const applied = { kind: 'applied', result: undefined, resultLost: false } as const;

function reach(index: number, data?: Uint8Array, term = 3): void {
  const entry = { index, term, type: EntryType.Normal, ...(data === undefined ? {} : { data }) };
  proposals.reached(entry, data === undefined ? undefined : decodeEnvelope(data, index), applied);
}

describe('the largest proposal', () => {
  const largest = entryBytesMax - envelopeOverheadMax - entryOverheadBytes;

  it.each([largest - 1, largest])(
    'fits into an entry with all that is added: %i',
    async (bytes) => {
      const session = { sessionId: 1, sequence: 1, lowestUnanswered: 1 };
      follow();
      proposals
        .propose(EnvelopeKind.Payload, new Uint8Array(bytes), session, undefined)
        .catch(() => undefined);
      await turns();
      proposals.flush();
      expect(handed[0]?.length).toBe(bytes + envelopeOverheadMax);
      expect((handed[0]?.length ?? 0) + entryOverheadBytes).toBeLessThanOrEqual(entryBytesMax);
    },
  );

  it.each([
    [new Uint8Array(largest + 1), `got ${largest + 1} bytes`],
    ['a text', 'got string'],
    [undefined, 'got undefined'],
  ])('is told where it is refused, and what was given instead: %#', async (payload, expected) => {
    const proposing = proposals.propose(
      EnvelopeKind.Payload,
      payload as never,
      undefined,
      undefined,
    );
    await expect(proposing).rejects.toThrow(`at most ${largest}; ${expected}`);
  });

  it('and one byte more is refused, and counts as failed', async () => {
    const note = propose(new Uint8Array(largest + 1));
    await turns();
    expect([note.end, proposals.counts]).toEqual([
      'RAFT_TOO_LARGE',
      { pending: 0, answered: 0, failed: 1 },
    ]);
  });
});

describe('a proposal of the leader', () => {
  it('is answered when its entry is reached, once', async () => {
    const note = propose();
    await turns();
    proposals.flush();
    reach(9);
    await turns();
    expect(note.end).toBeUndefined();
    reach(10);
    reach(10);
    await turns();
    expect([note.end, proposals.counts]).toEqual([10, { pending: 0, answered: 1, failed: 0 }]);
  });

  it('carries the last whole millisecond of the clock', async () => {
    clock.wallMs = () => 1234.9;
    follow();
    propose();
    await turns();
    proposals.flush();
    expect(decodeEnvelope(handed[0] ?? bytesOf(''), 1).proposedAtMs).toBe(1234);
    clock.wallMs = () => -1;
    propose();
    await turns();
    proposals.flush();
    expect(decodeEnvelope(handed[1] ?? bytesOf(''), 1).proposedAtMs).toBe(0);
  });

  it('that its session refuses is refused', async () => {
    const note = propose();
    await turns();
    proposals.flush();
    const error = new RaftError('RAFT_SEQUENCE_STALE', 'the sequence is too low');
    proposals.reached({ index: 10, term: 3, type: EntryType.Normal }, undefined, {
      kind: 'refused',
      error,
    });
    await turns();
    expect(note.end).toBe('RAFT_SEQUENCE_STALE');
  });

  it('is refused where the node is closed to proposals, before the turn and in it', async () => {
    const early = propose();
    await turns();
    checkOpen = () => {
      throw new StoppedError();
    };
    proposals.flush();
    const late = propose();
    await turns();
    expect([early.end, late.end, lastIndex]).toEqual(['RAFT_STOPPED', 'RAFT_STOPPED', 9]);
  });

  it.each([
    ['uncommitted-limit', 'RAFT_BUSY'],
    ['transferring', 'RAFT_BUSY'],
    ['no-leader', 'RAFT_NOT_LEADER'],
  ] as const)('that the core drops for %s is refused with %s', async (reason, code) => {
    const note = propose();
    await turns();
    refusal = new ProposalDroppedError(reason);
    proposals.flush();
    await turns();
    expect(note.end).toBe(code);
  });

  it.each([
    ['was removed', () => proposals.leftCluster()],
    ['has lost its disk', () => proposals.diskHangs()],
    ['has taken a snapshot over', () => proposals.skipTo(10)],
    ['has stopped', () => proposals.stop(new StoppedError())],
  ])('may be applied or not where the node %s', async (_, happens) => {
    const note = propose();
    await turns();
    proposals.flush();
    happens();
    await turns();
    expect([note.end, proposals.counts.pending]).toEqual(['RAFT_OUTCOME_UNKNOWN', 0]);
  });

  it('that has not reached the core when the node stops is certainly not applied', async () => {
    const note = propose();
    await turns();
    proposals.stop(new StoppedError());
    proposals.flush();
    await turns();
    expect([note.end, lastIndex]).toEqual(['RAFT_STOPPED', 9]);
  });

  it('comes before a barrier that is asked for behind it, and both are answered', async () => {
    const first = propose();
    await turns();
    const barrier = noted(proposals.barrier(undefined));
    await turns();
    for (const index of [10, 11]) reach(index);
    await turns();
    expect([first.end, barrier.end]).toEqual([10, 11]);
    // The entry of a barrier has no content.
    expect(placedBytes).toEqual([0]);
  });

  it('and a barrier are refused where the core knows that another leads', async () => {
    raftState = StateType.Follower;
    const barrier = noted(proposals.barrier(undefined));
    await turns();
    expect([barrier.end, handed]).toEqual(['RAFT_NOT_LEADER', []]);
  });
});

describe('the leader that a refusal names', () => {
  const leaderOf = async (promise: Promise<unknown>): Promise<unknown> => {
    const error = await promise.catch((reason: unknown) => reason);
    if (!(error instanceof NotLeaderError)) throw error;
    return error.leader?.id;
  };

  it('is not this node, when only the core knows that it does not lead any more', async () => {
    raftState = StateType.Follower;
    expect(await leaderOf(proposals.barrier(undefined))).toBeUndefined();
  });

  it('is another one that is known', async () => {
    follow();
    expect(await leaderOf(proposals.barrier(undefined))).toBe(1n);
  });

  it('is absent when it was lost in the same moment', async () => {
    const node = { basicStatus: () => ({ raftState }) };
    raftState = StateType.Follower;
    proposals = newProposals(true, (give) => {
      leaderId = undefined;
      return give(node as never);
    });
    expect(await leaderOf(proposals.barrier(undefined))).toBeUndefined();
  });
});

describe('a forwarded proposal', () => {
  beforeEach(() => follow());

  async function forward(signal?: AbortSignal): Promise<{ end: unknown }> {
    const note = propose(bytesOf('a'), signal);
    await turns();
    proposals.flush();
    return note;
  }

  it('is answered by the entry with its number, and by no other', async () => {
    const [first, second] = [await forward(), await forward()];
    const [firstData, secondData] = handed;
    // The same number of another node.
    const { request } = decodeEnvelope(secondData ?? bytesOf(''), 1);
    const foreign = encodeEnvelope({
      kind: EnvelopeKind.Payload,
      proposedAtMs: 0,
      request: { nodeId: 3n, number: request?.number ?? 0 },
      payload: bytesOf('a'),
    });
    reach(20, foreign);
    reach(21);
    await turns();
    expect([first.end, second.end]).toEqual([undefined, undefined]);
    reach(22, secondData);
    reach(23, firstData);
    reach(24, firstData);
    await turns();
    expect([first.end, second.end, clock.pendingCount]).toEqual([23, 22, 0]);
  });

  it('has a number that no other has, of this incarnation of the node', async () => {
    for (let at = 0; at < 5; at += 1) await forward();
    const numbers = handed.map((data) => decodeEnvelope(data, 1).request?.number ?? 0);
    expect(new Set(numbers).size).toBe(5);
    expect(numbers.every((number) => Math.floor(number / requestsPerIncarnation) === 5)).toBe(true);
  });

  it.each([
    [forwardTimeoutMs - 1, undefined],
    [forwardTimeoutMs, 'RAFT_OUTCOME_UNKNOWN'],
  ])('without an answer ends after its timeout: %i ms', async (ms, expected) => {
    const note = await forward();
    await clock.advance(ms);
    expect(note.end).toBe(expected);
  });

  it('leaves no timer and no waiter behind, whatever ends it', async () => {
    const control = new AbortController();
    const notes = [await forward(control.signal), await forward(), await forward()];
    control.abort(new Error('enough'));
    await turns();
    expect([proposals.counts.pending, clock.pendingCount]).toEqual([2, 2]);
    reach(20, handed[1]);
    await turns();
    expect([proposals.counts.pending, clock.pendingCount]).toEqual([1, 1]);
    proposals.leaderChanged();
    await turns();
    expect([proposals.counts.pending, clock.pendingCount]).toEqual([0, 0]);
    expect(notes.map(({ end }) => end)).toEqual(['Error: enough', 20, 'RAFT_OUTCOME_UNKNOWN']);
    expect(proposals.counts).toEqual({ pending: 0, answered: 1, failed: 1 });
  });

  it('at the index of one that was made here is answered, and that one is dropped', async () => {
    [raftState, leaderId] = [StateType.Leader, 2n];
    const placed = propose();
    await turns();
    proposals.flush();
    follow();
    const note = await forward();
    reach(10, handed[0], 4);
    await turns();
    expect([placed.end, note.end]).toEqual(['RAFT_DROPPED', 10]);
  });

  it('is told of the end', async () => {
    const note = await forward();
    proposals.stop(new StoppedError());
    await turns();
    expect(note.end).toBe('RAFT_OUTCOME_UNKNOWN');
  });

  it('is not made where the node does not forward, or no leader is known', async () => {
    proposals = newProposals(false);
    const refused = propose();
    proposals = newProposals();
    leaderId = undefined;
    const lost = propose();
    await turns();
    expect([refused.end, lost.end, handed]).toEqual(['RAFT_NOT_LEADER', 'RAFT_NOT_LEADER', []]);
  });

  it('is appended directly, and answered by its entry, when this node leads by the turn', async () => {
    const note = propose();
    await turns();
    [raftState, leaderId] = [StateType.Leader, 2n];
    proposals.flush();
    reach(10);
    await turns();
    expect([note.end, handed]).toEqual([10, []]);
  });
});

describe('a proposal before the cluster has a birth id', () => {
  it('waits for it, and is made then', async () => {
    mustWait = true;
    const note = propose();
    await turns();
    proposals.flush();
    expect([lastIndex, proposals.counts.pending]).toEqual([9, 1]);
    mustWait = false;
    gate.changed();
    await turns();
    proposals.flush();
    reach(10);
    await turns();
    expect(note.end).toBe(10);
  });

  it('is told of the end, and so is one that comes later', async () => {
    mustWait = true;
    const note = propose();
    await turns();
    gate.stop(new StoppedError());
    const late = propose();
    await turns();
    expect([note.end, late.end, proposals.counts.pending]).toEqual([
      'RAFT_STOPPED',
      'RAFT_STOPPED',
      0,
    ]);
  });
});
