/**
 * A hostile member: it speaks the transport's own protocol over real sockets, and says what no
 * member should.
 */
import type { TransportHandler } from '@babuza/raft';
import { newMessage, type Message, type MessageType } from '@babuza/raftpb';
import { HttpTransport } from '@babuza/transport-http';
import { nodeEnvironment } from '@babuza/vfs';

const { clock, random } = nodeEnvironment();
const mebibyte = 1024 * 1024;

/** What it tells the others about itself. */
export interface Pretence {
  readonly nodeId: bigint;
  /** The introduction of the node that it pretends to be. */
  readonly introduction: string;
  /** The address that it claims to have. */
  readonly address: string;
}

export interface Victim {
  readonly id: bigint;
  readonly address: string;
}

export class HostileMember {
  readonly #transport: HttpTransport;
  readonly #pretence: Pretence;
  readonly received: Message[] = [];
  /** Victims that have let it in. */
  readonly admittedBy: bigint[] = [];

  private constructor(pretence: Pretence) {
    const { nodeId, address } = pretence;
    this.#pretence = pretence;
    this.#transport = new HttpTransport(
      { clusterId: 1n, nodeId, clock, random },
      { address, listen: { host: '127.0.0.1', port: 0 } },
    );
  }

  static async start(pretence: Pretence, victims: readonly Victim[]): Promise<HostileMember> {
    const member = new HostileMember(pretence);
    const group = { groupId: 0n, entryBytesMax: 8 * mebibyte, messageBytesMax: mebibyte };
    for (const victim of victims) member.#transport.setPeer(victim);
    await member.#transport.start(member.#handler(), group);
    return member;
  }

  /** Where it listens itself. */
  get port(): number {
    return this.#transport.listeningPort ?? 0;
  }

  /** How often it had to connect, over all victims. */
  get connections(): number {
    return this.#transport.counts().connections;
  }

  send(type: MessageType, to: bigint, fields: Partial<Message>): void {
    const from = this.#pretence.nodeId;
    this.#transport.send([newMessage({ type, to, from, ...fields })]);
  }

  /** The answer of the victim: `undefined` where it has taken the snapshot. */
  async sendSnapshot(message: Message, bytes: Uint8Array): Promise<unknown> {
    const { signal } = new AbortController();
    // eslint-disable-next-line typescript/require-await
    async function* files(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    return this.#transport.sendSnapshot(message, files, signal).catch((error: unknown) => error);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #handler(): TransportHandler {
    return {
      receive: (message) => void this.received.push(message),
      receiveSnapshot: async () => undefined,
      receivedSnapshotBytes: async () => 0,
      introduction: () => this.#pretence.introduction,
      admit: () => undefined,
      refusedBy: () => undefined,
      admittedBy: (id) => void this.admittedBy.push(id),
      unreachable: () => undefined,
    };
  }
}
