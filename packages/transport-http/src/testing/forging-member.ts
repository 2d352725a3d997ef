/**
 * A member that is admitted and then sends whatever a test tells it to. It speaks the protocol of
 * the transport over real sockets, and ignores the messages that it receives.
 */
import type { TransportGroup, TransportHandler, TransportPeer } from '@babuza/raft/ports';
import type { Message } from '@babuza/raftpb';
import type { Clock, Random } from '@babuza/vfs';
import { HttpTransport } from '../http-transport.ts';

export interface ForgingMemberSettings {
  readonly clusterId: bigint;
  /** The node id that it claims. */
  readonly nodeId: bigint;
  /** The address that it claims. It listens on a free port of the loopback interface. */
  readonly address: string;
  /** The introduction that it sends in its handshakes. */
  readonly introduction: string;
  readonly group: TransportGroup;
  /** The members that it attacks. */
  readonly victims: readonly TransportPeer[];
  readonly clock: Clock;
  readonly random: Random;
}

export class ForgingMember {
  readonly #transport: HttpTransport;

  private constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /** Connects to all victims. Rejects with the errors of `HttpTransport.start`. */
  static async start(settings: ForgingMemberSettings): Promise<ForgingMember> {
    const { address, introduction, group, victims, ...identity } = settings;
    const listen = { host: '127.0.0.1', port: 0 };
    const transport = new HttpTransport(identity, { address, listen });
    for (const victim of victims) transport.setPeer(victim);
    await transport.start(handlerWith(introduction), group);
    return new ForgingMember(transport);
  }

  /** The number of connections that it has opened, over all victims. */
  get connections(): number {
    return this.#transport.counts().connections;
  }

  /** The number of messages that were sent. */
  get sentMessages(): number {
    return this.#transport.counts().sentMessages;
  }

  send(message: Message): void {
    this.#transport.send([message]);
  }

  /**
   * Resolves to the error of the transport, or to `undefined` if the victim has accepted the
   * snapshot.
   */
  sendSnapshot(message: Message, content: Uint8Array, signal: AbortSignal): Promise<unknown> {
    async function* files(): AsyncGenerator<Uint8Array> {
      yield content;
    }
    return this.#transport.sendSnapshot(message, files, signal).catch((error: unknown) => error);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

function handlerWith(introduction: string): TransportHandler {
  return {
    receive: () => undefined,
    receiveSnapshot: async () => undefined,
    receivedSnapshotBytes: async () => 0,
    introduction: () => introduction,
    admit: () => undefined,
    refusedBy: () => undefined,
    admittedBy: () => undefined,
    unreachable: () => undefined,
  };
}
