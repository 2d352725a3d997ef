/** The nodes, logs and networks of the tests. All of them are deterministic, and no test waits. */

import {
  decodeConfChange,
  decodeConfChangeV2,
  emptyConfState,
  EntryType,
  MessageType,
  newMessage,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
} from '@babuza/raftpb';
import {
  MemoryStorage,
  RawNode,
  StateType,
  type LogLevel,
  type RaftConfig,
  type Ready,
} from '../src/index.ts';
import { step } from '../src/step.ts';
import { RaftLog } from '../src/log/raft-log.ts';
import type { RaftState } from '../src/state/raft-state.ts';

/**
 * Entries from a text: `5:1,1,2` are entries from index 5 on with terms 1, 1, 2; an empty text has
 * none.
 */
export function entriesOf(text: string): Entry[] {
  if (text === '') return [];
  const [first, terms = ''] = text.split(':');
  return terms.split(',').map((term, at) => ({
    index: Number(first) + at,
    term: Number(term),
    type: EntryType.Normal,
  }));
}

/** The inverse of `entriesOf`. */
export function textOf(entries: readonly Entry[]): string {
  const [first] = entries;
  return first === undefined ? '' : `${first.index}:${entries.map(({ term }) => term).join(',')}`;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function normal(text: string): Entry {
  return { index: 0, term: 0, type: EntryType.Normal, data: bytesOf(text) };
}

export interface StorageInit {
  readonly entries?: string;
  readonly voters?: readonly bigint[];
  readonly confState?: Partial<ConfState>;
  readonly hardState?: Partial<HardState>;
  /** The index of the snapshot that the log follows. Default 0. */
  readonly index?: number;
  readonly term?: number;
}

export function storageOf(init: StorageInit = {}): MemoryStorage {
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState, voters: init.voters ?? [1n, 2n, 3n], ...init.confState };
  storage.applySnapshot({
    metadata: { confState, index: init.index ?? 0, term: init.term ?? 0 },
  });
  storage.append(entriesOf(init.entries ?? ''));
  if (init.hardState !== undefined) {
    storage.setHardState({ term: 0, vote: 0n, commit: 0, ...init.hardState });
  }
  return storage;
}

/** A log without a node. */
export function logOf(init: StorageInit & { unstable?: string; bytesMax?: number } = {}): RaftLog {
  const log = new RaftLog(storageOf(init), init.bytesMax ?? Infinity, undefined);
  log.append(entriesOf(init.unstable ?? ''));
  return log;
}

/** A node with its storage and a state machine that keeps all entries that were applied. */
export class TestNode {
  readonly id: bigint;
  readonly storage: MemoryStorage;
  readonly raw: RawNode;
  readonly applied: Entry[] = [];
  readonly reads: string[] = [];
  readonly lines: string[] = [];
  confState: ConfState;

  constructor(storage: MemoryStorage, config: Partial<RaftConfig> = {}) {
    this.storage = storage;
    this.raw = new RawNode({
      id: 1n,
      storage,
      electionTick: 10,
      heartbeatTick: 1,
      maxSizePerMsg: Infinity,
      maxInflightMsgs: 256,
      random: () => 0,
      logger: {
        log: (level: LogLevel, line: () => string): void => {
          this.lines.push(`${level.toUpperCase()} ${line()}`);
        },
      },
      ...config,
    });
    this.id = config.id ?? 1n;
    this.confState = storage.initialState().confState;
  }

  /** The state of the core. */
  get raft(): RaftState {
    return this.raw.unsafeRaft;
  }

  get state(): StateType {
    return this.raft.state;
  }

  get term(): number {
    return this.raft.term;
  }

  get committed(): number {
    return this.raft.log.committed;
  }

  /** The whole log, including entries that are not durable. */
  get log(): string {
    const { log } = this.raft;
    return textOf(log.slice(log.firstIndex(), log.lastIndex() + 1, Infinity) ?? []);
  }

  /** The data of the applied entries, without empty entries. */
  get appliedTexts(): string[] {
    return this.applied.flatMap(({ type, data }) =>
      type === EntryType.Normal && data !== undefined ? [new TextDecoder().decode(data)] : [],
    );
  }

  progress(id: bigint): NonNullable<ReturnType<RaftState['tracker']['progress']['get']>> {
    const progress = this.raft.tracker.progress.get(id);
    if (progress === undefined) throw new Error(`no progress for ${id}`);
    return progress;
  }

  propose(...texts: string[]): void {
    step(
      this.raft,
      newMessage({ type: MessageType.Prop, from: this.id, entries: texts.map(normal) }),
    );
  }

  step(fields: Partial<Message> & Pick<Message, 'type'>): void {
    step(this.raft, newMessage({ to: this.id, ...fields }));
  }

  tick(count: number): void {
    for (let tick = 0; tick < count; tick += 1) this.raw.tick();
  }

  /** Does the work of one Ready, and returns it. */
  process(): Ready {
    const ready = this.raw.ready();
    if (ready.hardState !== undefined) this.storage.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) {
      this.storage.applySnapshot(ready.snapshot);
      this.confState = ready.snapshot.metadata.confState;
    }
    this.storage.append(ready.entries);
    for (const { requestContext, index } of ready.readStates) {
      this.reads.push(`${new TextDecoder().decode(requestContext)}@${index}`);
    }
    this.apply(ready.committedEntries);
    this.raw.advance();
    return ready;
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.applied.push(entry);
      const change = changeOf(entry);
      if (change !== undefined) this.confState = this.raw.applyConfChange(change);
    }
  }

  /** Does the work of all Readys, and returns the messages for other nodes. */
  settle(): Message[] {
    const sent: Message[] = [];
    while (this.raw.hasReady()) sent.push(...this.process().messages);
    return sent;
  }
}

export function changeOf({ type, data }: Entry): ConfChange | ConfChangeV2 | undefined {
  if (type === EntryType.ConfChange) return decodeConfChange(data ?? new Uint8Array(0));
  if (type === EntryType.ConfChangeV2) return decodeConfChangeV2(data ?? new Uint8Array(0));
  return undefined;
}

/** Nodes that exchange messages, delivered in order. A test can cut connections. */
export class Network {
  readonly nodes: ReadonlyMap<bigint, TestNode>;
  /** Returns false for a message that gets lost. */
  passes: (message: Message) => boolean = () => true;

  constructor(nodes: readonly TestNode[]) {
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
  }

  node(id: bigint): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Lets all nodes run until none has work or messages. */
  settle(): void {
    for (let round = 0; round < 10_000; round += 1) {
      const sent = [...this.nodes.values()].flatMap((node) => node.settle());
      if (sent.length === 0) return;
      for (const message of sent) this.deliver(message);
    }
    throw new Error('the network does not come to rest');
  }

  deliver(message: Message): void {
    if (!this.passes(message)) return;
    try {
      this.nodes.get(message.to)?.raw.step(message);
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error;
      if (error.code === 'RAFT_CORE_PANIC') throw error;
    }
  }

  campaign(id: bigint): void {
    this.node(id).raw.campaign();
    this.settle();
  }

  propose(id: bigint, text: string): void {
    this.node(id).raw.propose(bytesOf(text));
    this.settle();
  }

  /** Cuts these nodes off: no message reaches or leaves them. */
  isolate(...ids: bigint[]): void {
    this.passes = ({ from, to }) => !ids.includes(from) && !ids.includes(to);
  }

  heal(): void {
    this.passes = () => true;
  }
}

/** A cluster of `count` nodes with empty logs, in term 0. */
export function clusterOf(
  count: number,
  config: Partial<RaftConfig> = {},
  confState: Partial<ConfState> = {},
): Network {
  const ids = Array.from({ length: count }, (_, at) => BigInt(at + 1));
  const learners = confState.learners ?? [];
  const voters = ids.filter((id) => !learners.includes(id));
  return new Network(
    ids.map(
      (id) =>
        new TestNode(storageOf({ confState: { voters, ...confState } }), {
          id,
          random: () => Number(id - 1n) / count,
          ...config,
        }),
    ),
  );
}

/** A single node that was elected leader. The test plays the other members. */
export function leaderOf(
  storage: MemoryStorage,
  config: Partial<RaftConfig> = {},
  supporters?: readonly bigint[],
): TestNode {
  const node = new TestNode(storage, config);
  node.raw.campaign();
  node.settle();
  for (const id of supporters ?? node.raft.tracker.config.incoming) {
    if (id !== node.id && node.state !== StateType.Leader) {
      node.step({ type: MessageType.VoteResp, from: id, term: node.term });
    }
  }
  if (node.state !== StateType.Leader) throw new Error('not elected');
  return node;
}

/** Removes and returns the messages of a node that may be sent at once. */
export function taken(node: TestNode, type?: MessageType): Message[] {
  const { messages } = node.raft;
  node.raft.messages = [];
  return type === undefined ? messages : messages.filter((message) => message.type === type);
}

/** Removes and returns the answers of a node that wait for its storage. */
export function answers(node: TestNode): Message[] {
  const { messagesAfterAppend } = node.raft;
  node.raft.messagesAfterAppend = [];
  return messagesAfterAppend;
}

export function codeOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
}

/** Returns the element at a position; throws when there is none. */
export function at<T>(list: readonly T[], position: number): T {
  const element = list.at(position);
  if (element === undefined) throw new Error(`there is no element ${position}`);
  return element;
}
