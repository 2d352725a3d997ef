/**
 * A member that is let in and then sends whatever a test gives it: it speaks the protocol of the
 * transport over real sockets, and reads what comes without answering.
 */
import type { TransportGroup, TransportHandler, TransportPeer } from '@babuza/raft';
import type { Message } from '@babuza/raftpb';
import type { Clock, Random } from '@babuza/vfs';
import { HttpTransport } from '../http-transport.ts';

export interface ForgingMemberSettings {
  readonly clusterId: bigint;
  /** The id that it claims. */
  readonly nodeId: bigint;
  /** The address that it claims to have. It listens on any port of the loopback. */
  readonly address: string;
  /** The introduction of the node that it pretends to be. */
  readonly introduction: string;
  readonly group: TransportGroup;
  /** The members that it speaks to. */
  readonly victims: readonly TransportPeer[];
  readonly clock: Clock;
  readonly random: Random;
}

export class ForgingMember {
  readonly #transport: HttpTransport;

  private constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /** Connects to all victims. Rejects as the start of a transport does. */
  static async start(settings: ForgingMemberSettings): Promise<ForgingMember> {
    const { address, introduction, group, victims, ...identity } = settings;
    const listen = { host: '127.0.0.1', port: 0 };
    const transport = new HttpTransport(identity, { address, listen });
    for (const victim of victims) transport.setPeer(victim);
    await transport.start(handlerWith(introduction), group);
    return new ForgingMember(transport);
  }

  /** How often it had to connect, over all victims. */
  get connections(): number {
    return this.#transport.counts().connections;
  }

  /** How many messages have left. */
  get sentMessages(): number {
    return this.#transport.counts().sentMessages;
  }

  send(message: Message): void {
    this.#transport.send([message]);
  }

  /**
   * Resolves to the error of the transport, or to `undefined` where the victim has taken the
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
