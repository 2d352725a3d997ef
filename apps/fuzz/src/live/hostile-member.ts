/** The member that is hostile: its handshake and introduction are right, and nothing else is. */
import { HttpTransport } from '@babuza/transport-http';
import type { TransportHandler } from '@babuza/raft';
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

/** It reads whatever comes and answers nothing. */
const handler: TransportHandler = {
  receive: () => undefined,
  receiveSnapshot: async () => undefined,
  receivedSnapshotBytes: async () => 0,
  unreachable: () => undefined,
  introduction: () => introduction,
  admit: () => undefined,
  refusedBy: () => undefined,
  admittedBy: () => undefined,
};

export class HostileMember {
  readonly #cluster: LiveCluster;
  readonly #transport: HttpTransport;

  constructor(cluster: LiveCluster) {
    this.#cluster = cluster;
    this.#transport = new HttpTransport(
      { clusterId, nodeId: hostileId, clock, random: chance },
      { address: cluster.addressOf(hostileId) },
    );
  }

  async start(): Promise<void> {
    for (const peer of this.#cluster.peers) {
      if (peer.id !== hostileId) this.#transport.setPeer(peer);
    }
    const { entryBytesMax, messageBytesMax } = this.#cluster.configOf(hostileId);
    await this.#transport.start(handler, { groupId: 0n, entryBytesMax, messageBytesMax });
  }

  /** How many messages have left. */
  get sent(): number {
    return this.#transport.counts().sentMessages;
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
        snapshots.push(
          this.#transport
            .sendSnapshot(
              message,
              async function* files() {
                yield content;
              },
              AbortSignal.timeout(2000),
            )
            .catch(() => undefined),
        );
      }
      this.#transport.send([hostileMessage(random, known, ids)]);
      // They leave one by one, so that a refused one does not take others with it.
      if (sent % 4 === 3) await clock.sleep(1);
    }
    await Promise.all(snapshots);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}
