/**
 * A small world for the node alone: members in one process, messages through an array, snapshots in
 * a map. The real components have packages and tests of their own, and the builder's tests run all
 * of them together.
 */
import type { Message } from '@babuza/raftpb';
import { decodeMessage, encodeMessage } from '@babuza/raftpb';
import { SimulatedClock, SeededRandom } from '@babuza/testkit';
import type { Clock } from '@babuza/vfs';
import type { OpenedWal, SaveBatch, WalManager } from '@babuza/wal-core';
import { MemoryStore, walBackend } from '@babuza/wal-memory';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  recoverAsStandalone,
  type AppliedEntry,
  type BabuzaConfig,
  type BootstrapOptions,
  type LogFields,
  type Logger,
  type MemoryStateMachine,
  type PeersConfiguration,
  type Raft,
  type RaftComponent,
} from '../src/index.ts';
import type {
  SessionManager,
  SessionVerdict,
  SnapshotManager,
  StoredSnapshot,
  Transport,
  TransportHandler,
} from '../src/ports/index.ts';

/** Texts in the order in which they were applied; a text with `!` makes it throw. */
export class ListMachine implements MemoryStateMachine<undefined, string[]> {
  readonly kind = 'memory';
  texts: string[] = [];
  closed = 0;

  apply(entries: readonly AppliedEntry[]): Uint8Array[] {
    return entries.map(({ data }) => {
      const text = new TextDecoder().decode(data);
      if (text.includes('!')) throw new Error('the machine cannot do this');
      this.texts.push(text);
      return bytesOf(`${this.texts.length}`);
    });
  }

  query(): string[] {
    return [...this.texts];
  }

  async saveSnapshot(writer: { write(chunk: Uint8Array): Promise<void> }): Promise<void> {
    for (const text of this.texts) await writer.write(bytesOf(`${text}\n`));
  }

  async restoreSnapshot(reader: { read(): AsyncIterable<Uint8Array> }): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.read()) chunks.push(chunk);
    this.texts = textOf(Buffer.concat(chunks)).split('\n').slice(0, -1);
  }

  close(): void {
    this.closed += 1;
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** A promise, and the function that resolves it. */
export interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

export function newGate(): Gate {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** The files of snapshots by name; they are kept when a node stops. */
export class MapSnapshots implements SnapshotManager {
  readonly durable = false;
  readonly stored: { snapshot: StoredSnapshot; files: Map<string, Uint8Array> }[] = [];
  damaged = new Set<number>();
  identity: Uint8Array | undefined;

  async open(): Promise<readonly StoredSnapshot[]> {
    return this.list();
  }

  list(): readonly StoredSnapshot[] {
    return this.stored.map(({ snapshot }) => snapshot);
  }

  async create(
    ...[metadata, write, signal]: Parameters<SnapshotManager['create']>
  ): Promise<StoredSnapshot> {
    const known = this.list().find(
      ({ metadata: { index, term } }) => index === metadata.index && term === metadata.term,
    );
    if (known !== undefined) return known;
    const files = new Map<string, Uint8Array>();
    await write({
      writeFile: async (name, chunks) => {
        const all: Uint8Array[] = [];
        for await (const chunk of chunks) all.push(chunk.slice());
        files.set(name, Buffer.concat(all));
      },
      linkFile: () => Promise.reject(new Error('files elsewhere are not for this stand-in')),
    });
    signal?.throwIfAborted();
    const id = `${metadata.index}-${metadata.term}`;
    const snapshot = { metadata, id, bytes: 0, manifest: bytesOf(id), linkedPaths: [] };
    this.stored.push({ snapshot, files });
    return snapshot;
  }

  async read({ index }: { index: number }): ReturnType<SnapshotManager['read']> {
    const found = this.stored.find(({ snapshot }) => snapshot.metadata.index === index);
    if (found === undefined) throw new Error(`no snapshot ${index}`);
    const close = async (): Promise<void> => undefined;
    return {
      snapshot: found.snapshot,
      fileNames: [...found.files.keys()].sort(),
      readFile: (name) => chunksOf(found.files.get(name) ?? new Uint8Array(0)),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  async verify({ index }: { index: number }): Promise<boolean> {
    const isWhole = !this.damaged.has(index);
    const place = this.stored.findIndex(({ snapshot }) => snapshot.metadata.index === index);
    // Set aside: it is not listed any more, and may be made again.
    if (!isWhole && place >= 0) this.stored.splice(place, 1);
    this.damaged.delete(index);
    return isWhole;
  }

  send({ index }: { index: number }): AsyncIterable<Uint8Array> {
    if (this.damaged.has(index)) throw new Error(`snapshot ${index} is damaged`);
    const found = this.stored.find(({ snapshot }) => snapshot.metadata.index === index);
    const files = [...(found?.files ?? [])].map(([name, bytes]) => [
      name,
      Buffer.from(bytes).toString('base64'),
    ]);
    return chunksOf(bytesOf(JSON.stringify(files)));
  }

  async received(): Promise<number> {
    return 0;
  }

  async receive(
    ...[metadata, manifest, stream]: Parameters<SnapshotManager['receive']>
  ): Promise<StoredSnapshot> {
    const all: Uint8Array[] = [];
    for await (const chunk of stream) all.push(chunk);
    const files = new Map<string, Uint8Array>(
      JSON.parse(textOf(Buffer.concat(all))).map(([name, text]: [string, string]) => [
        name,
        Buffer.from(text, 'base64'),
      ]),
    );
    const snapshot = { metadata, id: textOf(manifest), bytes: 0, manifest, linkedPaths: [] };
    this.stored.push({ snapshot, files });
    return snapshot;
  }

  async retain(count: number): Promise<void> {
    this.stored.sort((a, b) => a.snapshot.metadata.index - b.snapshot.metadata.index);
    this.stored.splice(0, Math.max(0, this.stored.length - count));
  }

  async remove(...[at, options]: Parameters<SnapshotManager['remove']>): Promise<void> {
    const place = this.stored.findIndex(({ snapshot }) => snapshot.metadata.index === at.index);
    if (options?.evenNewest === true && place >= 0) this.stored.splice(place, 1);
  }

  async removeAll(): Promise<void> {
    this.stored.length = 0;
    this.identity = undefined;
  }

  async readIdentity(): Promise<Uint8Array | undefined> {
    return this.identity?.slice();
  }

  async writeIdentity(bytes: Uint8Array): Promise<void> {
    this.identity = bytes.slice();
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}

/** Results by session and sequence, without bounds. */
export class PlainSessions implements SessionManager {
  #sessions = new Map<number, Map<number, Uint8Array | undefined>>();

  get count(): number {
    return this.#sessions.size;
  }

  register(sessionId: number): void {
    this.#sessions.set(sessionId, new Map());
  }

  unregister(sessionId: number): boolean {
    return this.#sessions.delete(sessionId);
  }

  judge({
    sessionId,
    sequence,
    lowestUnanswered,
  }: Parameters<SessionManager['judge']>[0]): SessionVerdict {
    const results = this.#sessions.get(sessionId);
    if (results === undefined) return { kind: 'expired' };
    if (sequence < lowestUnanswered) return { kind: 'stale' };
    if (!results.has(sequence)) return { kind: 'apply' };
    return { kind: 'duplicate', result: results.get(sequence), resultLost: false };
  }

  record(...[{ sessionId, sequence }, result]: Parameters<SessionManager['record']>): void {
    this.#sessions.get(sessionId)?.set(sequence, result);
  }

  encode(): Uint8Array {
    const sessions = [...this.#sessions].map(([id, results]) => [
      id,
      [...results].map(([sequence, result]) => [sequence, textOf(result)]),
    ]);
    return bytesOf(JSON.stringify(sessions));
  }

  restore(bytes?: Uint8Array): void {
    this.#sessions = new Map(
      JSON.parse(bytes === undefined ? '[]' : textOf(bytes)).map(
        ([id, results]: [number, [number, string][]]) => [
          id,
          new Map(results.map(([sequence, result]) => [sequence, bytesOf(result)])),
        ],
      ),
    );
  }
}

/** Delivers in order, a turn later; drops messages that cross a cut. */
export class Wire {
  readonly #handlers = new Map<bigint, TransportHandler>();
  /** Members that are cut off in both directions. */
  readonly cut = new Set<bigint>();
  /** The group of each member that has started. */
  readonly groups = new Map<bigint, bigint>();
  /** Everything that was sent, in order. */
  readonly sent: { readonly from: bigint; readonly message: Message }[] = [];
  /** These members receive the bytes of a snapshot, and their nodes never get the message. */
  readonly ignoringSnapshots = new Set<bigint>();
  /** These members refuse every snapshot. */
  readonly refusingSnapshots = new Set<bigint>();
  /** Which messages get lost. */
  loses: (message: Message) => boolean = () => false;
  readonly #clock: SimulatedClock;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  transport(id: bigint): Transport {
    const handlers = this.#handlers;
    const close = async (): Promise<void> => {
      handlers.delete(id);
    };
    return {
      start: async (handler, { groupId }) => {
        handlers.set(id, handler);
        this.groups.set(id, groupId);
      },
      setPeer: () => undefined,
      removePeer: () => undefined,
      send: (messages) => {
        for (const message of messages) this.#send(id, message);
      },
      sendSnapshot: async (message, open, signal) => {
        const handler = this.#between(id, message.to);
        if (handler === undefined) throw new Error('unreachable');
        if (this.refusingSnapshots.has(message.to)) throw new Error('refused');
        if (this.ignoringSnapshots.has(message.to)) {
          for await (const chunk of open(0)) void chunk;
          return;
        }
        await handler.receiveSnapshot(decodeMessage(encodeMessage(message)), open(0), signal);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  /** Delivers a message that was sent before once more. */
  repeat(from: bigint, message: Message): void {
    this.#send(from, message);
  }

  /** The transport of a member reports that another one could not be reached. */
  tellUnreachable(at: bigint, id: bigint): void {
    this.#handlers.get(at)?.unreachable(id);
  }

  #send(from: bigint, message: Message): void {
    const bytes = encodeMessage(message);
    this.sent.push({ from, message });
    if (this.loses(message)) return;
    this.#clock.startTimer(1, () => {
      this.#between(from, message.to)?.receive(decodeMessage(bytes));
    });
  }

  #between(from: bigint, to: bigint): TransportHandler | undefined {
    return this.cut.has(from) || this.cut.has(to) ? undefined : this.#handlers.get(to);
  }
}

/** The handlers of all members that start from now on, by their ids. */
export function handlersOf({ wire }: World): Map<bigint, TransportHandler> {
  const handlers = new Map<bigint, TransportHandler>();
  const transport = wire.transport.bind(wire);
  wire.transport = (id) => {
    const made = transport(id);
    const start = made.start.bind(made);
    return Object.assign(made, {
      start: async (...given: Parameters<typeof start>) => {
        handlers.set(id, given[0]);
        await start(...given);
      },
    });
  };
  return handlers;
}

/** The data that a member leaves when it stops. */
export interface Disk {
  readonly store: MemoryStore;
  readonly snapshots: MapSnapshots;
}

export interface Member extends Disk {
  readonly raft: Raft<undefined, string[]>;
  readonly machine: ListMachine;
}

export interface LoggedLine {
  readonly id: bigint;
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** A cluster on one simulated clock; `run` lets time pass. */
export class World {
  readonly clock = new SimulatedClock();
  readonly wire: Wire = new Wire(this.clock);
  readonly faults: LogFaults = { held: new Map(), syncs: 0 };
  readonly members = new Map<bigint, Member>();
  /** What the nodes have logged, in order. */
  readonly lines: LoggedLine[] = [];
  /** Configuration of single members that differs from the common one. */
  readonly configs = new Map<bigint, Partial<BabuzaConfig>>();
  /** Clocks of members that differ from the world's. */
  readonly clocks = new Map<bigint, Clock>();
  readonly #config: Partial<BabuzaConfig>;

  constructor(config: Partial<BabuzaConfig> = {}) {
    this.#config = config;
  }

  /**
   * Without peers it joins, and on a used disk it restarts; `'alone'`: it recovers as the only
   * survivor.
   */
  async start(
    id: bigint,
    peers: PeersConfiguration | 'alone' | undefined,
    disk: Disk = { store: new MemoryStore(), snapshots: new MapSnapshots() },
    options: BootstrapOptions = {},
    sessionManager: SessionManager = new PlainSessions(),
    others: Partial<RaftComponent> = {},
  ): Promise<Member> {
    const { store, snapshots } = disk;
    const machine = new ListMachine();
    const walManager = failing(
      await walBackend.open('/memory', { store }),
      this.faults,
      id,
      this.clock,
    );
    const parts = { walManager, snapshotManager: snapshots, sessionManager, ...others };
    const component = await this.component(id, parts);
    const config = {
      ...defaultBabuzaConfig(1, id, `address-${id}`),
      ...this.#config,
      ...this.configs.get(id),
    };
    const raft =
      peers === 'alone'
        ? await recoverAsStandalone(config, machine, component)
        : peers === undefined
          ? await joinRaftCluster(config, machine, component)
          : await bootstrapRaftCluster(config, peers, machine, component, options);
    const member = { raft, machine, store, snapshots };
    this.members.set(id, member);
    return member;
  }

  /** The components of a node with a log in memory, or the given ones. */
  async component(id: bigint, parts: Partial<RaftComponent> = {}): Promise<RaftComponent> {
    return {
      clusterId: 1n,
      walManager:
        parts.walManager ?? (await walBackend.open('/memory', { store: new MemoryStore() })),
      snapshotManager: new MapSnapshots(),
      sessionManager: new PlainSessions(),
      transport: this.wire.transport(id),
      clock: this.clocks.get(id) ?? this.clock,
      random: new SeededRandom(Number(id)),
      logger: this.#logger(id),
      ...parts,
    };
  }

  #logger(id: bigint): Logger {
    const log =
      (level: keyof Logger) =>
      (message: string, fields?: LogFields): void =>
        void this.lines.push({ id, level, message, fields });
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }

  /** The lines of this level that contain a text. */
  logged(level: keyof Logger, text: string): LoggedLine[] {
    return this.lines.filter((line) => line.level === level && line.message.includes(text));
  }

  async startAll(count: number): Promise<void> {
    const peers = Array.from({ length: count }, (_, at) => ({
      id: BigInt(at + 1),
      address: `address-${at + 1}`,
    }));
    for (const { id } of peers) await this.start(id, peers);
  }

  /** Stops a member and restarts it on the data that it left. */
  async restart(id: bigint): Promise<Member> {
    const member = this.member(id);
    await this.until(member.raft.shutdown());
    return this.until(this.start(id, undefined, member));
  }

  member(id: bigint): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  async follower(): Promise<Member> {
    const [first] = await this.followers();
    if (first === undefined) throw new Error('there is only one member');
    return first;
  }

  /** All but the leader. */
  async followers(): Promise<Member[]> {
    const leader = await this.leader();
    return [...this.members.values()].filter((member) => member !== leader);
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const ended = promise.finally(() => {
      state.settled = true;
    });
    ended.catch(() => undefined);
    for (let step = 0; step < 20_000; step += 1) {
      await turns();
      if (state.settled) return ended;
      this.clock.fireNext();
    }
    throw new Error('it does not come to an end');
  }

  async pass(milliseconds: number): Promise<void> {
    await this.until(this.clock.sleep(milliseconds));
  }

  /** The member that leads; waits for one. */
  async leader(): Promise<Member> {
    for (let step = 0; step < 200; step += 1) {
      for (const member of this.members.values()) {
        if (member.raft.status().role === 'leader') return member;
      }
      await this.pass(100);
    }
    throw new Error('nobody leads');
  }

  async close(): Promise<void> {
    for (const { raft } of this.members.values()) await this.until(raft.shutdown());
  }
}

/** Runs everything that does not need time to pass. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** The faults of the members' logs at the moment. */
export interface LogFaults {
  /** The error with which all logs answer `term`. */
  read?: Error | undefined;
  /** The error with which all logs answer a save. */
  save?: Error | undefined;
  /**
   * A save of a member begins: it waits for the returned promise, and fails with a thrown error.
   */
  onSave?: ((id: bigint, batch: SaveBatch) => Promise<void> | void) | undefined;
  /** Saves of this member wait for this promise. */
  readonly held: Map<bigint, Promise<void>>;
  /**
   * How long each save of a member takes. Saves follow each other, and waiting ones finish
   * together.
   */
  saveMs?: ((id: bigint) => number) | undefined;
  /** How often a log was asked to make everything durable. */
  syncs: number;
}

/** A log manager whose saves can be made to fail, or to wait. */
function failing(
  manager: WalManager,
  faults: LogFaults,
  id: bigint,
  clock: SimulatedClock,
): WalManager {
  const withFaults = (opened: OpenedWal): OpenedWal => {
    const { wal } = opened;
    let group: Promise<void> | undefined;
    let underWay: Promise<void> = Promise.resolve();
    /**
     * As on a disk: one sync is under way, and all saves that come meanwhile share the next one.
     */
    const slowly = (saveMs: (id: bigint) => number): Promise<void> => {
      group ??= underWay.then(() => {
        group = undefined;
        underWay = clock.sleep(saveMs(id));
        return underWay;
      });
      return group;
    };
    const save: typeof wal.save = async (batch) => {
      if (faults.saveMs !== undefined) await slowly(faults.saveMs);
      await faults.held.get(id);
      if (faults.save !== undefined) throw faults.save;
      await faults.onSave?.(id, batch);
      return wal.save(batch);
    };
    const sync: typeof wal.sync = async () => {
      faults.syncs += 1;
      return wal.sync();
    };
    const faulty = new Proxy(wal, {
      get: (target, name) => {
        if (name === 'save') return save;
        if (name === 'sync') return sync;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { storage } = opened;
    const term = storage.term.bind(storage);
    storage.term = (index) => {
      if (faults.read !== undefined) throw faults.read;
      return term(index);
    };
    return { ...opened, wal: faulty };
  };
  const create = manager.createWal.bind(manager);
  const replay = manager.replayWal.bind(manager);
  return Object.assign(manager, {
    createWal: async (...given: Parameters<WalManager['createWal']>) =>
      withFaults(await create(...given)),
    replayWal: async (...given: Parameters<WalManager['replayWal']>) =>
      withFaults(await replay(...given)),
  });
}
