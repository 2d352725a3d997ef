/** Members on the loopback interface, each behind a proxy, and what they have received. */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import type { Logger } from '@babuza/raft';
import type { TransportHandler, TransportPeer } from '@babuza/raft/ports';
import { nodeEnvironment, type Clock, type HostNames } from '@babuza/vfs';
import { HttpTransport, type HttpTransportOptions } from '../src/index.ts';
import { FaultProxy } from '../src/testing/index.ts';

const environment = nodeEnvironment();
export const { clock, random } = environment;

export const mebibyte: number = 1024 * 1024;

export class Member {
  readonly id: bigint;
  readonly proxy: FaultProxy;
  readonly transport: HttpTransport;
  readonly received: Message[] = [];
  readonly unreachable: bigint[] = [];
  readonly logged: string[] = [];

  /** Members that have answered with the reason `other-cluster`. */
  readonly refusedBy: bigint[] = [];

  constructor(id: bigint, proxy: FaultProxy, transport: HttpTransport, logged: string[]) {
    this.id = id;
    this.proxy = proxy;
    this.transport = transport;
    this.logged = logged;
  }

  get address(): string {
    return this.proxy.address;
  }

  /** The address with a host name instead of the IP address. */
  addressBy(name: string): string {
    return this.address.replace('127.0.0.1', name);
  }

  /** The contexts of the received messages as texts. */
  get texts(): string[] {
    return this.received.map(({ context = new Uint8Array() }) => Buffer.from(context).toString());
  }
}

export interface MemberOptions extends Partial<HttpTransportOptions> {
  readonly clusterId?: bigint;
  readonly groupId?: bigint;
  readonly entryBytesMax?: number;
  readonly messageBytesMax?: number;
  readonly handler?: Partial<TransportHandler>;
  /** The resolver; by default that of the machine. */
  readonly names?: HostNames;
  /** The name of its host in the address that it advertises. */
  readonly host?: string;
  /** The peers that it is given before the start. */
  readonly peers?: readonly TransportPeer[];
}

export class Net {
  readonly members: Member[] = [];
  /** The clock of all members is ahead by this time. */
  laterMs = 0;
  readonly #clock: Clock = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() + this.laterMs,
    startTimer: (...timer) => clock.startTimer(...timer),
    sleep: (ms) => clock.sleep(ms),
  };

  async add(id: bigint, options: MemberOptions = {}): Promise<Member> {
    const { clusterId = 1n, groupId = 0n, handler, peers = [], names, ...others } = options;
    const { host = '127.0.0.1', ...rest } = others;
    const { entryBytesMax = mebibyte, messageBytesMax = mebibyte, ...given } = rest;
    const proxy = await FaultProxy.open(clock);
    const logged: string[] = [];
    const log = (message: string, fields?: object): void =>
      void logged.push(`${message} ${Object.values(fields ?? {}).join(' ')}`);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const transport = new HttpTransport(
      { clusterId, nodeId: id, clock: this.#clock, random, logger },
      {
        address: proxy.address.replace('127.0.0.1', host),
        listen: { host: '127.0.0.1', port: 0 },
        stallTimeoutMs: 500,
        ...given,
      },
      names,
    );
    const member = new Member(id, proxy, transport, logged);
    this.members.push(member);
    for (const peer of peers) transport.setPeer(peer);
    const group = { groupId, entryBytesMax, messageBytesMax };
    await transport.start({ ...handlerOf(member), ...handler }, group);
    // A member on the loopback logs at its start that it has no protection; that line is left out.
    const start = logged.findIndex((line) => line.startsWith('any program on this machine'));
    if (start >= 0) logged.splice(start, 1);
    proxy.setTarget(transport.listeningPort);
    return member;
  }

  /** Two members that know each other. */
  async pair(first: MemberOptions = {}, second: MemberOptions = first): Promise<[Member, Member]> {
    const one = await this.add(1n, first);
    const two = await this.add(2n, second);
    one.transport.setPeer({ id: 2n, address: two.address });
    two.transport.setPeer({ id: 1n, address: one.address });
    return [one, two];
  }

  async close(): Promise<void> {
    for (const { transport } of this.members) await transport.close();
    for (const { proxy } of this.members) await proxy.close();
  }
}

function handlerOf(member: Member): TransportHandler {
  return {
    receive: (message) => void member.received.push(message),
    receiveSnapshot: async () => {
      throw new Error('no snapshots here');
    },
    receivedSnapshotBytes: async () => 0,
    unreachable: (id) => void member.unreachable.push(id),
    introduction: () => '',
    admit: () => undefined,
    refusedBy: (id) => void member.refusedBy.push(id),
    admittedBy: () => undefined,
  };
}

/** A handler that ignores everything. */
export const silentHandler: TransportHandler = {
  receive: () => undefined,
  receiveSnapshot: async () => undefined,
  receivedSnapshotBytes: async () => 0,
  unreachable: () => undefined,
  introduction: () => '',
  admit: () => undefined,
  refusedBy: () => undefined,
  admittedBy: () => undefined,
};

export function messageOf(from: bigint, to: bigint, text: string): Message {
  return newMessage({
    type: MessageType.Heartbeat,
    from,
    to,
    term: 1,
    context: Buffer.from(text),
  });
}

/** Waits until the condition holds; the time limit of the test ends it otherwise. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await clock.sleep(5);
}
