/**
 * A running cluster with a hostile member. Raft is not made for that, so a hostile member may
 * depose leaders and have entries of its own committed. What must hold: no node stops, none refuses
 * to start again, memory stays bounded, and when the hostile member has gone quiet the cluster
 * commits again, with a restart of its members where one of them was told a false commit index
 * before its first append.
 */
import { SeededRandom } from '@babuza/testkit';
import { Finding, type Outcome, type Target } from '../decoder.ts';
import { HostileMember } from '../live/hostile-member.ts';
import { LiveCluster } from '../live/live-cluster.ts';
import { problemOf } from '../problem.ts';

const rounds = 3;
const messagesPerRound = 120;

/** The input is the seed of the attack. */
async function attackCluster(input: Uint8Array): Promise<Outcome> {
  const seed = input.subarray(0, 4).reduce((sum, byte) => sum * 256 + byte, 0);
  const random = new SeededRandom(seed);
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  const cluster = await LiveCluster.start();
  try {
    await cluster.write();
    const sent = await attack(cluster, random);
    if (!cluster.isHeldByClaim) await cluster.write();
    await cluster.restartAll();
    await cluster.write();
    for (const reason of rejections) {
      throw new Finding(`a rejected promise was not handled: ${problemOf(reason)}`);
    }
    if (sent === 0) throw new Finding('no message of the hostile member has left');
    return { kind: 'value', value: 'the cluster goes on' };
  } finally {
    await cluster.close();
    process.off('unhandledRejection', onRejection);
  }
}

/** Attacks with clients' writes in between. Returns how many messages have left. */
async function attack(cluster: LiveCluster, random: SeededRandom): Promise<number> {
  const hostile = await HostileMember.start(cluster);
  try {
    for (let round = 0; round < rounds; round += 1) {
      await hostile.attack(random, messagesPerRound);
      cluster.checkAlive();
      // The hostile member may keep the cluster from it for as long as it speaks.
      await cluster.write(1000).catch(() => cluster.checkAlive());
    }
    return hostile.sent;
  } finally {
    await hostile.close();
  }
}

export const live: Target = {
  name: 'live',
  description: 'a running cluster with a member that sends messages of every type',
  decoders: [
    {
      name: 'raft/hostile member',
      form: 'bytes',
      samples: [Uint8Array.of(0, 0, 0, 1)],
      run: attackCluster,
      allocatedBytesMax: 512 * 1024 * 1024,
      durationMsMax: 300_000,
    },
  ],
};
