/** Which entries a node takes as the answer to a proposal. */
import { EntryType, type Entry } from '@babuza/raftpb';
import { StateType } from '@babuza/raft-core';
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope, EnvelopeKind } from '../src/proposals/envelope.ts';
import { StoppedError } from '../src/errors.ts';
import { IdentityGate } from '../src/identity/identity-gate.ts';
import { Proposals } from '../src/proposals/proposals.ts';
import { bytesOf } from './support.ts';

/** The proposals of a follower, and the data that it forwards to the leader. */
function follower(
  incarnation: number,
  leader = 1n,
): { proposals: Proposals; handed: Uint8Array[] } {
  const handed: Uint8Array[] = [];
  const proposals = new Proposals({
    nodeId: 2n,
    incarnation,
    clock: new SimulatedClock(),
    entryBytesMax: 4096,
    batchBytesMax: 4096,
    forwards: true,
    forwardTimeoutMs: 1000,
    leader: () => ({ id: leader, address: `address-${leader}` }),
    gate: new IdentityGate(() => false),
    checkOpen: () => undefined,
    core: {
      run: (give) =>
        give({
          basicStatus: () => ({ raftState: StateType.Follower }),
          propose: (data: Uint8Array) => {
            handed.push(data);
          },
        } as never),
    },
    wake: () => undefined,
  });
  return { proposals, handed };
}

describe('a forwarded proposal', () => {
  it('is not answered by one that an earlier incarnation of the node forwarded', async () => {
    const earlier = follower(1);
    const later = follower(2);
    const propose = ({ proposals }: typeof later, text: string): Promise<unknown> =>
      proposals.propose(EnvelopeKind.Payload, bytesOf(text), undefined, undefined);
    propose(earlier, 'a').catch(() => undefined);
    const answer = propose(later, 'b');
    for (const { proposals } of [earlier, later]) proposals.flush();
    const [a, b] = [earlier.handed[0], later.handed[0]].map((data, at): Entry => {
      return { index: at + 5, term: 1, type: EntryType.Normal, data: data ?? new Uint8Array(0) };
    });
    for (const entry of [a, b]) {
      if (entry?.data === undefined) throw new Error('nothing was handed over');
      const outcome = { kind: 'applied', result: undefined, resultLost: false } as const;
      later.proposals.reached(entry, decodeEnvelope(entry.data, entry.index), outcome);
    }
    await expect(answer).resolves.toMatchObject({ entry: { index: 6 } });
  });

  it('that was made as the leader changes is refused, and not forwarded', async () => {
    // This node believes that it leads, and its core knows that it does not.
    const { proposals, handed } = follower(1, 2n);
    const answer = proposals.propose(EnvelopeKind.Payload, bytesOf('a'), undefined, undefined);
    proposals.flush();
    await expect(answer).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER' });
    expect(handed).toEqual([]);
  });

  it('whose caller left before it was made is made, and nothing waits for it', async () => {
    const { proposals, handed } = follower(1);
    const control = new AbortController();
    const answer = proposals.propose(EnvelopeKind.Payload, bytesOf('a'), undefined, control.signal);
    control.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    proposals.flush();
    expect(handed).toHaveLength(1);
    expect(proposals.counts.pending).toBe(0);
  });

  it('that the node had not made when it stopped is certainly not applied', async () => {
    const { proposals, handed } = follower(1);
    const answer = proposals.propose(EnvelopeKind.Payload, bytesOf('a'), undefined, undefined);
    proposals.stop(new StoppedError());
    proposals.flush();
    await expect(answer).rejects.toMatchObject({ code: 'RAFT_STOPPED' });
    expect(handed).toEqual([]);
  });
});
