/** A network on a simulated clock, and members that keep everything they receive. */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import type { TransportHandler } from '@babuza/raft/ports';
import { SeededRandom, SimulatedClock, turnOfEventLoop } from '@babuza/testkit';
import { MemoryNetwork, MemoryTransport } from '../src/index.ts';

export interface Member {
  readonly transport: MemoryTransport;
  readonly received: Message[];
  readonly unreachable: bigint[];
  /** Bytes of the snapshot that have arrived, from which a later attempt resumes. */
  snapshot: Uint8Array;
  /** The error that its end of a snapshot stream throws, if any. */
  snapshotFailure: Error | undefined;
  refusesSnapshots: Error | undefined;
}

export interface MemberOptions {
  readonly clusterId?: bigint;
  readonly groupId?: bigint;
  readonly address?: string;
  /** Methods of the handler that differ from the common ones. */
  readonly handler?: Partial<TransportHandler>;
}

export class World {
  readonly clock = new SimulatedClock();
  readonly network: MemoryNetwork;

  constructor(seed = 1) {
    this.network = new MemoryNetwork({ clock: this.clock, random: new SeededRandom(seed) });
  }

  /** Members 1 to `count` at `address-1` and so on, that know each other. */
  async members(count: number): Promise<Member[]> {
    const members: Member[] = [];
    for (let id = 1; id <= count; id += 1) members.push(await this.member(id));
    for (const { transport } of members) {
      for (let id = 1; id <= count; id += 1) {
        if (BigInt(id) !== transport.nodeId) transport.setPeer(peer(id));
      }
    }
    return members;
  }

  async member(
    id: number,
    { clusterId = 1n, groupId = 0n, address = `address-${id}`, handler = {} }: MemberOptions = {},
  ): Promise<Member> {
    const { network, clock } = this;
    const parts = { network, clock, clusterId, nodeId: BigInt(id), address };
    const member: Member = {
      transport: new MemoryTransport(parts),
      received: [],
      unreachable: [],
      snapshot: new Uint8Array(0),
      snapshotFailure: undefined,
      refusesSnapshots: undefined,
    };
    await member.transport.start({ ...handlerOf(member), ...handler }, { groupId });
    return member;
  }

  async pass(milliseconds: number): Promise<void> {
    await this.until(this.clock.sleep(milliseconds));
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const ended = promise.finally(() => {
      state.settled = true;
    });
    ended.catch(() => undefined);
    for (let step = 0; step < 10_000; step += 1) {
      for (let turn = 0; turn < 3; turn += 1) await turnOfEventLoop();
      if (state.settled) return ended;
      this.clock.fireNext();
    }
    throw new Error('it does not come to an end');
  }
}

function handlerOf(member: Member): TransportHandler {
  return {
    receive: (message) => void member.received.push(message),
    unreachable: (id) => member.unreachable.push(id),
    introduction: () => '',
    admit: () => undefined,
    refusedBy: () => undefined,
    admittedBy: () => undefined,
    receivedSnapshotBytes: async () => member.snapshot.length,
    receiveSnapshot: async (message, stream) => {
      if (member.refusesSnapshots !== undefined) throw member.refusesSnapshots;
      try {
        for await (const chunk of stream) {
          member.snapshot = Buffer.concat([member.snapshot, chunk]);
        }
      } catch (error) {
        member.snapshotFailure = error instanceof Error ? error : new Error(String(error));
        throw error;
      }
      member.received.push(message);
    },
  };
}

/** Members 1 and 2, that know each other. */
export async function pair(seed?: number): Promise<{ world: World; a: Member; b: Member }> {
  const world = new World(seed);
  const [a, b] = await world.members(2);
  if (a === undefined || b === undefined) throw new Error('there are two');
  return { world, a, b };
}

/** A state of 100 bytes. */
export const state = Uint8Array.from({ length: 100 }, (_, at) => at);

/** The state in chunks of ten bytes, and notes on how it was read. */
export function source() {
  const seen = { offsets: [] as number[], returned: 0, chunks: [] as Uint8Array[] };
  const open = async function* (offset: number): AsyncGenerator<Uint8Array, void, void> {
    seen.offsets.push(offset);
    try {
      for (let at = offset; at < state.length; at += 10) {
        const chunk = state.slice(at, at + 10);
        seen.chunks.push(chunk);
        yield chunk;
      }
    } finally {
      seen.returned += 1;
    }
  };
  return { seen, open };
}

/** A signal that never fires. */
export const never = new AbortController().signal;

export const count = (length: number): number[] => Array.from({ length }, (_, at) => at);

export const peer = (id: number) => ({ id: BigInt(id), address: `address-${id}` });

/** A heartbeat with a number that identifies it. */
export function message(from: number, to: number, number = 0): Message {
  const { Heartbeat: type } = MessageType;
  return newMessage({ type, to: BigInt(to), from: BigInt(from), term: 1, commit: number });
}

/** The numbers of the messages that were received. */
export const numbersOf = ({ received }: Member): number[] => received.map(({ commit }) => commit);

/** A node that admits every member and ignores what arrives. */
export const silentHandler: TransportHandler = {
  receive: () => undefined,
  unreachable: () => undefined,
  introduction: () => '',
  admit: () => undefined,
  refusedBy: () => undefined,
  admittedBy: () => undefined,
  receivedSnapshotBytes: async () => 0,
  receiveSnapshot: async () => undefined,
};
