/**
 * Certificates, authorities and revocation lists of three nodes are replaced by `reloadTls` while
 * clients write.
 */
import { afterAll, expect, it } from 'vitest';
import { Authority } from '../../../transport-http/test/certificates.ts';
import { eventually } from '../real-cluster.ts';
import { LiveCluster, memberIds } from './live-cluster.ts';

const former = new Authority();
const latter = new Authority('another authority');
afterAll(() => {
  former.remove();
  latter.remove();
});

/**
 * Create the certificates before the cluster starts, because creating them blocks the event loop.
 */
const issued = (authority: Authority) =>
  new Map(memberIds.map((member) => [member, authority.issue({ member })]));
const [old, renewed, young] = [issued(former), issued(former), issued(latter)];
const replacement = latter.issue({ member: 3n });
const emptyLists = former.revocations() + latter.revocations();

it('loses no write and no leader while nodes replace what they show and trust, and shuts a revoked certificate out', async () => {
  await using cluster = await LiveCluster.start((id) => ({
    tls: { ...(old.get(id) ?? replacement), ca: former.cert },
  }));
  const both = former.cert + latter.cert;
  const rounds = [
    (id: bigint) => renewed.get(id) ?? {},
    () => ({ ca: both }),
    // A revocation list without entries for each authority closes all connections, which are then
    // opened again.
    () => ({ crl: emptyLists }),
    (id: bigint) => young.get(id) ?? {},
    () => ({ ca: latter.cert, crl: latter.revocations() }),
  ];
  for (const filesOf of rounds) {
    for (const id of memberIds) {
      cluster.node(id).transport.reloadTls(filesOf(id));
      await cluster.expectService();
    }
    await cluster.expectEachToLead();
  }

  await cluster.lead(1n);
  const { refusedConnections } = cluster.node(1n).transport.counts();
  latter.revoke(young.get(3n) ?? replacement);
  const crl = latter.revocations();
  for (const id of [1n, 2n]) cluster.node(id).transport.reloadTls({ crl });
  const [one, revoked] = [cluster.node(1n), cluster.node(3n)];
  // Old connections are closed and new ones are refused, in both directions.
  await cluster.expectTold(one, 'cannot be reached: certificate revoked');
  await cluster.expectTold(revoked, 'the secrets and the trusted certificates');
  await cluster.expectRefusals(one, refusedConnections);
  await eventually('the end of all its connections', async () =>
    one.transport.stats().some(({ id, isConnected }) => id === 3n && !isConnected) &&
    revoked.transport.stats().every(({ isConnected }) => !isConnected)
      ? true
      : undefined,
  );
  const { lastIndex } = revoked.raft.status();
  await cluster.expectService([1n, 2n]);
  expect(revoked.raft.status().lastIndex).toBe(lastIndex);

  revoked.transport.reloadTls(replacement);
  await cluster.expectService();
  await cluster.expectEachToLead();
  await cluster.expectNothingLost();
});
