/** A network on a simulated clock, and members that keep what reaches them. */
import { MessageType, newMessage, type Message } from '@babuza/raftpb';
import type { TransportHandler } from '@babuza/raft';
import { SeededRandom, SimulatedClock, turnOfEventLoop } from '@babuza/testkit';
import { MemoryNetwork, MemoryTransport } from '../src/index.ts';

export interface Member {
  readonly transport: MemoryTransport;
  readonly received: Message[];
  readonly unreachable: bigint[];
  /** Bytes of the snapshot that have arrived; what a later attempt goes on from. */
  snapshot: Uint8Array;
  /** What its end of a snapshot stream throws, if it does. */
  snapshotFailure: Error | undefined;
  refusesSnapshots: Error | undefined;
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

  async member(id: number, clusterId = 1n, address = `address-${id}`): Promise<Member> {
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
    await member.transport.start(handlerOf(member));
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
    receive: (message) => member.received.push(message),
    unreachable: (id) => member.unreachable.push(id),
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

export const peer = (id: number) => ({ id: BigInt(id), address: `address-${id}` });

/** A heartbeat with a number, by which it is known again. */
export function message(from: number, to: number, number = 0): Message {
  const { Heartbeat: type } = MessageType;
  return newMessage({ type, to: BigInt(to), from: BigInt(from), term: 1, commit: number });
}

/** The numbers of what was received. */
export const numbersOf = ({ received }: Member): number[] => received.map(({ commit }) => commit);
