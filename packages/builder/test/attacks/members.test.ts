/**
 * Attacks by a program that has everything that a member needs to be admitted, on members with real
 * disks and real sockets.
 */
import { encodeEnvelope, EnvelopeKind } from '../../../raft/src/proposals/envelope.ts';
import { EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeCommand } from '../cluster/key-value-machine.ts';
import { eventually, type RealNode } from '../real-cluster.ts';
import { AttackedCluster } from './attacked-cluster.ts';

let attacked: AttackedCluster;
beforeEach(async () => {
  attacked = await AttackedCluster.start();
});
afterEach(() => attacked.close());

async function victims(): Promise<readonly [leader: RealNode, follower: RealNode]> {
  const leader = await attacked.cluster.leader();
  const follower = attacked.nodes.find(({ id }) => id !== leader.id);
  if (follower === undefined) throw new Error('two members run');
  return [leader, follower];
}

let lastRequest = 2 ** 52;

/** A proposal as a member forwards it. */
function forgedProposal(nodeId: bigint, to: bigint, proposedAtMs: number): Message {
  lastRequest += 1;
  const data = encodeEnvelope({
    kind: EnvelopeKind.Payload,
    proposedAtMs,
    request: { nodeId, number: lastRequest },
    payload: encodeCommand({ kind: 'put', key: `forged-${lastRequest}`, value: '' }, ''),
  });
  const entries = [{ index: 0, term: 0, type: EntryType.Normal, data }];
  return newMessage({ type: MessageType.Prop, from: nodeId, to, entries });
}

describe('a hostile member', () => {
  it('raises no term so far that no leader is elected again', async () => {
    const hostile = await attacked.hostileMember();
    for (const victim of await victims()) {
      for (const term of [2 ** 53 - 1, 2 ** 52 + 1, 2 ** 33]) {
        for (const type of [
          MessageType.Vote,
          MessageType.PreVote,
          MessageType.App,
          MessageType.AppResp,
          MessageType.Heartbeat,
          MessageType.HeartbeatResp,
          MessageType.VoteResp,
          MessageType.TimeoutNow,
        ]) {
          await attacked.untilRefused(victim, hostile, type, { term, index: 1, logTerm: 1 });
        }
      }
    }
    // Each invalid message closed its connection.
    expect(hostile.connections).toBeGreaterThan(20);
    await attacked.expectService();
  });

  it('leaves no snapshot that nobody asked for, of any term', async () => {
    const hostile = await attacked.hostileMember();
    const [leader, follower] = await victims();
    const { term } = leader.raft.status();
    const data = new TextEncoder().encode('forged');
    const members = leader.raft.clusterInfo().members.map(({ id }) => id);
    const confState = {
      voters: members,
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    for (const victim of [leader, follower]) {
      const before = await attacked.snapshotFiles(victim.id);
      for (const claimed of [0, 1, term, term + 1, 2 ** 53 - 1]) {
        const answer = await hostile.sendSnapshot(
          newMessage({
            type: MessageType.Snap,
            from: 3n,
            to: victim.id,
            term: claimed,
            snapshot: { metadata: { index: 500_000, term: claimed, confState }, data },
          }),
          new Uint8Array(1024 * 1024),
          new AbortController().signal,
        );
        expect(answer, String(claimed)).toBeInstanceOf(Error);
      }
      expect(await attacked.snapshotFiles(victim.id)).toEqual(before);
    }
    await attacked.expectService();
  });

  it('does not move the time of the log with a forged time of a proposal', async () => {
    const hostile = await attacked.hostileMember();
    const [leader] = await victims();
    await eventually('the forged proposal', async () => {
      hostile.send(forgedProposal(3n, leader.id, 2 ** 53 - 1));
      return leader.machine.content().includes('forged') ? true : undefined;
    });
    await attacked.expectService();
    const latest = attacked.applied.reduce((most, { timeMs }) => Math.max(most, timeMs), 0);
    expect(latest).toBeLessThanOrEqual(Date.now() + 5 * 60_000);
  });
});

describe('somebody who is no member', () => {
  it('proposes nothing, also with what a member says of itself', async () => {
    const hostile = await attacked.hostileMember(9n);
    const [leader, follower] = await victims();
    for (const { id } of [leader, follower]) {
      for (let count = 0; count < 50; count += 1) {
        hostile.send(forgedProposal(9n, id, Date.now()));
      }
    }
    await attacked.expectService();
    expect(leader.machine.content()).not.toContain('forged');
  });

  it('makes no member connect to an address that it has made up', async () => {
    const bystander = await attacked.bystander();
    const hostile = await attacked.hostileMember(9n, bystander.address);
    const member = await attacked.hostileMember(3n, bystander.address);
    const [leader, follower] = await victims();
    for (const { id } of [leader, follower]) {
      const term = leader.raft.status().term + 1;
      for (const [from, each] of [
        [9n, hostile],
        [3n, member],
      ] as const) {
        each.send(newMessage({ type: MessageType.PreVote, from, to: id, term }));
      }
    }
    await attacked.expectService();
    expect(bystander.count()).toBe(0);
  });
});
