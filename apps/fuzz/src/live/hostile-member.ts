/** The member that is hostile: its handshake and introduction are right, and nothing else is. */
import { ForgingMember } from '@babuza/transport-http/testing';
import { nodeEnvironment } from '@babuza/vfs';
import type { SeededRandom } from '@babuza/testkit';
import { introductions } from '../internals.ts';
import { hostileMessage, hostileSnapshot } from './hostile-messages.ts';
import { clusterId, hostileId, type LiveCluster } from './live-cluster.ts';

const { clock, random: chance } = nodeEnvironment();

const introduction = introductions.encodeIntroduction({
  origin: undefined,
  birth: undefined,
  logId: 'f'.repeat(32),
  startCount: 1,
  run: 1,
  lastIndex: 0,
  commitIndex: 0,
  marks: [],
});

export class HostileMember {
  readonly #cluster: LiveCluster;
  readonly #member: ForgingMember;

  private constructor(cluster: LiveCluster, member: ForgingMember) {
    this.#cluster = cluster;
    this.#member = member;
  }

  static async start(cluster: LiveCluster): Promise<HostileMember> {
    const { entryBytesMax, messageBytesMax } = cluster.configOf(hostileId);
    const member = await ForgingMember.start({
      clusterId,
      nodeId: hostileId,
      address: cluster.addressOf(hostileId),
      introduction,
      group: { groupId: 0n, entryBytesMax, messageBytesMax },
      victims: cluster.peers.filter(({ id }) => id !== hostileId),
      clock,
      random: chance,
    });
    return new HostileMember(cluster, member);
  }

  /** How many messages have left. */
  get sent(): number {
    return this.#member.sentMessages;
  }

  /** Sends so many messages, each to one of the others, and some snapshots with made-up files. */
  async attack(random: SeededRandom, count: number): Promise<void> {
    const snapshots: Promise<unknown>[] = [];
    for (let sent = 0; sent < count; sent += 1) {
      const to = random.pick([1n, 2n, 3n]);
      const ids = { from: hostileId, to };
      const known = this.#cluster.status();
      if (random.chance(0.02)) {
        const message = hostileSnapshot(random, known, ids);
        const content = random.bytes(2000);
        snapshots.push(this.#member.sendSnapshot(message, content, AbortSignal.timeout(2000)));
      }
      this.#member.send(hostileMessage(random, known, ids));
      // They leave one by one, so that a refused one does not take others with it.
      if (sent % 4 === 3) await clock.sleep(1);
    }
    await Promise.all(snapshots);
  }

  async close(): Promise<void> {
    await this.#member.close();
  }
}
