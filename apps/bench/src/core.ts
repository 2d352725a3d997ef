/**
 * The Raft core alone: three nodes stepped in one process on one core, storage in memory, no
 * encoding, no network, no disk. What is measured is the state machine: proposals of one entry
 * each, a fixed number of them in flight, counted when the leader has them handed out as committed.
 */
import { emptyConfState, type Entry, type Message } from '@babuza/raftpb';
import { localAppendThread, localApplyThread, MemoryStorage, RawNode } from '@babuza/raft-core';
import type { Work } from './saving.ts';

const payload: Uint8Array = new Uint8Array(1024).map((_, at) => (at * 31) & 0xff);
const inFlight = 64;
/** Entries that stay in the storages. */
const kept = 10_000;

interface Member {
  readonly id: bigint;
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  applied: number;
}

export const proposalsPerRound = 200_000;

/**
 * The same proposals with Ready and advance, and with asynchronous storage writes whose disk
 * answers at once.
 */
export function coreProposals(): Work {
  return {
    title: `three Raft nodes in one process, 1 KB proposals, ${inFlight} in flight`,
    contenders: [
      { name: 'Ready and advance', run: rounds(new CoreCluster(false)) },
      { name: 'asynchronous storage writes', run: rounds(new CoreCluster(true)) },
    ],
    close: () => Promise.resolve(),
  };
}

function rounds(cluster: CoreCluster): () => Promise<number[]> {
  return () => {
    cluster.commit(proposalsPerRound);
    return Promise.resolve([]);
  };
}

/** Three nodes; the first one leads. */
class CoreCluster {
  readonly #members: readonly Member[];
  readonly #leader: Member;
  readonly #asyncStorageWrites: boolean;
  #network: Message[] = [];

  constructor(asyncStorageWrites: boolean) {
    this.#asyncStorageWrites = asyncStorageWrites;
    const voters = [1n, 2n, 3n];
    this.#members = voters.map((id) => newMember(id, voters, asyncStorageWrites));
    const [leader] = this.#members;
    if (leader === undefined) throw new RangeError('a cluster has members');
    this.#leader = leader;
    leader.node.campaign();
    while (this.#members.some(({ node }) => node.hasReady())) this.#turn();
  }

  /** Until so many more were committed, and applied by the leader. */
  commit(count: number): void {
    const leader = this.#leader;
    let proposed = leader.applied;
    const end = proposed + count;
    while (leader.applied < end) {
      const most = Math.min(end, leader.applied + inFlight);
      for (; proposed < most; proposed += 1) leader.node.propose(payload);
      this.#turn();
    }
  }

  /** Everybody does what is to be done; then everything that was said arrives. */
  #turn(): void {
    for (const member of this.#members) {
      if (!member.node.hasReady()) continue;
      if (this.#asyncStorageWrites) this.#workAsynchronously(member);
      else this.#work(member);
    }
    const arriving = this.#network;
    this.#network = [];
    for (const message of arriving) {
      this.#members[Number(message.to) - 1]?.node.step(message);
    }
  }

  #work(member: Member): void {
    const { node, storage } = member;
    const { entries, hardState, messages, committedEntries } = node.ready();
    storage.append(entries);
    if (hardState !== undefined) storage.setHardState(hardState);
    for (const message of messages) this.#network.push(message);
    apply(member, committedEntries);
    node.advance();
  }

  #workAsynchronously(member: Member): void {
    for (const message of member.node.ready().messages) {
      if (message.to === localAppendThread) {
        member.storage.append(message.entries);
        const { term, vote, commit } = message;
        if (term !== 0) member.storage.setHardState({ term, vote, commit });
        this.#deliver(member, message.responses);
      } else if (message.to === localApplyThread) {
        apply(member, message.entries);
        this.#deliver(member, message.responses);
      } else this.#network.push(message);
    }
  }

  #deliver(member: Member, responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === member.id) member.node.step(response);
      else this.#network.push(response);
    }
  }
}

function newMember(id: bigint, voters: bigint[], asyncStorageWrites: boolean): Member {
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState, voters };
  storage.applySnapshot({ metadata: { confState, index: 1, term: 1 } });
  const node = new RawNode({
    id,
    storage,
    asyncStorageWrites,
    applied: 1,
    electionTick: 10,
    heartbeatTick: 1,
    maxSizePerMsg: 1024 * 1024,
    maxInflightMsgs: 256,
    random: () => 0.5,
  });
  return { id, node, storage, applied: 1 };
}

function apply(member: Member, entries: readonly Entry[]): void {
  const last = entries.at(-1)?.index;
  if (last === undefined) return;
  member.applied = last;
  const { storage } = member;
  if (last - storage.firstIndex() >= 2 * kept) storage.compact(last - kept);
}
