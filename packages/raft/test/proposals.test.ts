/** What a node takes for the answer to a proposal, and what it does not. */
import { EntryType, type Entry } from '@babuza/raftpb';
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope, EnvelopeKind } from '../src/envelope.ts';
import { Proposals } from '../src/proposals.ts';
import { bytesOf } from './support.ts';

/** The proposals of a follower, and what it hands to the leader. */
function follower(life: number, leader = 1n): { proposals: Proposals; handed: Uint8Array[] } {
  const handed: Uint8Array[] = [];
  const proposals = new Proposals({
    nodeId: 2n,
    life,
    clock: new SimulatedClock(),
    entryBytesMax: 4096,
    forwards: true,
    forwardTimeoutMs: 1000,
    leader: () => ({ id: leader, address: `address-${leader}` }),
    checkOpen: () => undefined,
    call: (give) =>
      give({
        propose: (data: Uint8Array) => {
          handed.push(data);
        },
      } as never),
  });
  return { proposals, handed };
}

describe('a forwarded proposal', () => {
  it('is not answered by one that an earlier life of the node forwarded', async () => {
    const earlier = follower(1);
    const later = follower(2);
    const propose = ({ proposals }: typeof later, text: string): Promise<unknown> =>
      proposals.propose(EnvelopeKind.Payload, bytesOf(text), undefined, undefined);
    propose(earlier, 'a').catch(() => undefined);
    const answer = propose(later, 'b');
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

  it('that was made as the leader changes has an answer', async () => {
    // This node believes that it leads, and its core has handed the proposal on.
    const { proposals } = follower(1, 2n);
    const answer = proposals.propose(EnvelopeKind.Payload, bytesOf('a'), undefined, undefined);
    await expect(answer).rejects.toMatchObject({ code: 'RAFT_OUTCOME_UNKNOWN' });
  });
});
