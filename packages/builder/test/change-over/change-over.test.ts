/**
 * A cluster of three nodes changes its protection while clients write, in the rounds of
 * docs/running-a-cluster.md: the members are restarted one after the other. In every intermediate
 * state each member can lead and reach the others.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Authority } from '../../../transport-http/test/certificates.ts';
import { documentedRounds, type Values } from './documented-rounds.ts';
import { LiveCluster, memberIds } from './live-cluster.ts';

const authority = new Authority();
afterAll(() => authority.remove());
const certificates = new Map(memberIds.map((member) => [member, authority.issue({ member })]));
const tlsOf = (id: bigint) => ({
  ...(certificates.get(id) ?? authority.issue({ member: id })),
  ca: authority.cert,
});

const secret = 'a secret of the members, 32 bytes long';
const valuesOf = (id: bigint): Values => ({
  tls: tlsOf(id),
  secret,
  old: secret,
  new: `a newer one: ${secret}`,
});

describe.each([
  ['From plain to a secret', 'without TLS and without a secret'],
  ['From one secret to the next', 'without TLS and with a secret'],
  ['From plain to mutual TLS', 'without TLS and without a secret'],
  ['From a secret to mutual TLS', 'without TLS and with a secret'],
])('"%s"', (title, formerWay) => {
  it('loses no write and no leader, and ends the old way', async () => {
    const [before, ...rounds] = documentedRounds(title);
    if (before === undefined) throw new Error('there are no rounds');
    await using cluster = await LiveCluster.start((id) => before(valuesOf(id)));
    for (const round of rounds) {
      for (const id of memberIds) {
        await cluster.restart(id, round(valuesOf(id)));
        await cluster.expectService();
        if (id !== memberIds.at(-1)) await cluster.expectEachToLead();
      }
    }

    // A member that stayed in an earlier round cannot connect to the others, nor they to it.
    await cluster.lead(1n);
    const leader = cluster.node(1n);
    const { refusedConnections } = leader.transport.counts();
    const behind = await cluster.restartAlone(3n, before(valuesOf(3n)));
    const { lastIndex } = behind.raft.status();
    await cluster.expectTold(behind, `this member connects ${formerWay}`);
    await cluster.expectTold(leader, 'compare the options tls, secret and transition');
    await cluster.expectRefusals(leader, refusedConnections);
    await cluster.expectService([1n, 2n]);
    expect(behind.raft.readiness()).toMatchObject({ ready: false });
    expect(behind.raft.status().lastIndex).toBe(lastIndex);
    await cluster.restart(3n, rounds.at(-1)?.(valuesOf(3n)) ?? {});

    await cluster.expectNothingLost();
  });
});
