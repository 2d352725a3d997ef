/**
 * The commands of the interaction tests: several nodes whose network and disks move only by
 * commands. Source: etcd-io/raft `rafttest/`.
 */

import {
  ConfChangeTransition,
  emptyConfState,
  MessageType,
  newMessage,
  type ConfChangeTransition as Transition,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import {
  describeEntries,
  describeMessage,
  describeProgressMap,
  describeReady,
  messageTypeName,
  stateTypeName,
} from '../../src/describe/index.ts';
import { isLocalThread, ReadOnlyOption, type RaftConfig } from '../../src/index.ts';
import {
  asBool,
  asId,
  asIds,
  asLimit,
  asNumber,
  option,
  positional,
  valueOf,
} from './arguments.ts';
import { DirectiveError } from './directive-error.ts';
import type { Directive } from './grammar.ts';
import { HistoryStorage, InteractionNode } from './interaction-node.ts';
import { Output } from './interaction-output.ts';
import { parseOperations } from './operations.ts';

type Command = (env: InteractionEnvironment, directive: Directive) => void;

/** The error texts of etcd's storage, by the codes of ours. */
const storageTexts: ReadonlyMap<unknown, string> = new Map([
  ['WAL_COMPACTED', 'requested index is unavailable due to compaction'],
  ['WAL_UNAVAILABLE', 'requested entry at index is unavailable'],
  ['WAL_SNAPSHOT_OUT_OF_DATE', 'requested index is older than the existing snapshot'],
  ['WAL_SNAPSHOT_UNAVAILABLE', 'snapshot is temporarily unavailable'],
]);

export class InteractionEnvironment {
  readonly nodes: InteractionNode[] = [];
  /** The messages in flight, in the order in which they were sent. */
  messages: Message[] = [];
  readonly output: Output = new Output();

  run(directive: Directive): string {
    this.output.clear();
    const { command: name } = directive;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    try {
      if (command === undefined) throw new DirectiveError('unknown command');
      command(this, directive);
    } catch (error) {
      const text = errorText(error);
      return this.output.isSilent ? text : this.output.text + text;
    }
    return this.output.text === '' ? 'ok' : this.output.text;
  }

  node(text: string | undefined): InteractionNode {
    const node = this.nodes[asNumber(text) - 1];
    if (node === undefined) throw new Error(`there is no node ${text}`);
    return node;
  }

  /** The given nodes, or all nodes. */
  namedNodes(directive: Directive): InteractionNode[] {
    const names = positional(directive);
    return names.length === 0 ? this.nodes : names.map((name) => this.node(name));
  }

  processReady(node: InteractionNode): void {
    const ready = node.raw.ready();
    const isAsync = node.config.asyncStorageWrites === true;
    this.output.write(describeReady(ready));
    if (!isAsync) {
      node.write(ready);
      node.apply(ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === MessageType.StorageAppend) node.appendWork.push(message);
      else if (message.type === MessageType.StorageApply) node.applyWork.push(message);
      else this.messages.push(message);
    }
    if (!isAsync) node.raw.advance();
  }

  processAppendThread(node: InteractionNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    const { term, vote, commit, entries, snapshot } = work;
    this.#processWork(work, () =>
      node.write({ hardState: { term, vote, commit }, entries, snapshot }),
    );
  }

  processApplyThread(node: InteractionNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.output.write('no apply work to perform');
      return;
    }
    this.#processWork(work, () => node.apply(work.entries));
  }

  /** Returns the number of messages that were delivered or dropped. */
  deliver(node: bigint, type: string | undefined, drop: boolean): number {
    const taken: Message[] = [];
    const left: Message[] = [];
    for (const message of this.messages) {
      const matches =
        message.to === node && (type === undefined || messageTypeName(message.type) === type);
      (matches && !(drop && isLocal(message)) ? taken : left).push(message);
    }
    this.messages = left;
    for (const message of taken) {
      if (drop) this.output.write('dropped: ');
      this.output.write(`${describeMessage(message)}\n`);
      if (!drop) this.#step(this.node(String(node)), message);
    }
    return taken.length;
  }

  #step(node: InteractionNode, message: Message): void {
    try {
      node.raw.step(message);
    } catch (error) {
      this.output.write(`${errorText(error)}\n`);
    }
  }

  #processWork(work: Message, perform: () => void): void {
    const { responses } = work;
    this.output.write(`Processing:\n${describeMessage({ ...work, responses: [] })}\n`);
    perform();
    this.output.write('Responses:\n');
    for (const response of responses) this.output.write(`${describeMessage(response)}\n`);
    this.messages.push(...responses);
  }
}

/** The text of an error that may be the output of a directive. Any other error ends the test. */
function errorText(error: unknown): string {
  if (error instanceof DirectiveError) return error.message;
  if (error instanceof Error && 'code' in error && error.code !== 'RAFT_CORE_PANIC') {
    return storageTexts.get(error.code) ?? error.message;
  }
  throw error;
}

function isLocal({ from, to }: Message): boolean {
  return from === to || isLocalThread(from) || isLocalThread(to);
}

const commands: Readonly<Record<string, Command>> = {
  _breakpoint: () => {},
  'add-nodes': addNodes,
  campaign: (env, directive) => env.node(positional(directive)[0]).raw.campaign(),
  compact: (env, directive) => {
    const [name, index] = positional(directive);
    const node = env.node(name);
    node.storage.compact(asNumber(index));
    writeLog(env, node);
  },
  'deliver-msgs': deliverMessages,
  'process-ready': (env, directive) => {
    forNamed(env, directive, 'handling Ready', (node) => env.processReady(node));
  },
  'process-append-thread': (env, directive) => {
    forNamed(env, directive, 'processing append thread', (node) => env.processAppendThread(node));
  },
  'process-apply-thread': (env, directive) => {
    forNamed(env, directive, 'processing apply thread', (node) => env.processApplyThread(node));
  },
  'log-level': (env, directive) => env.output.setLevel(positional(directive)[0] ?? ''),
  'raft-log': (env, directive) => writeLog(env, env.node(positional(directive)[0])),
  'raft-state': writeStates,
  status: (env, directive) => {
    const { progress } = env.node(positional(directive)[0]).raw.status();
    env.output.write(describeProgressMap(progress.values()));
  },
  'set-randomized-election-timeout': (env, directive) => {
    const timeout = option(directive, 'timeout');
    if (timeout === undefined) throw new Error('a timeout is needed');
    const { unsafeRaft } = env.node(positional(directive)[0]).raw;
    unsafeRaft.randomizedElectionTimeout = asNumber(valueOf(timeout));
  },
  stabilize,
  'tick-election': (env, directive) => {
    const { raw, config } = env.node(positional(directive)[0]);
    for (let tick = 0; tick < config.electionTick; tick += 1) raw.tick();
  },
  'tick-heartbeat': (env, directive) => {
    const { raw, config } = env.node(positional(directive)[0]);
    for (let tick = 0; tick < config.heartbeatTick; tick += 1) raw.tick();
  },
  'transfer-leadership': (env, directive) => {
    const from = option(directive, 'from');
    const to = option(directive, 'to');
    if (from === undefined || to === undefined) throw new Error('from and to are needed');
    env.node(valueOf(from)).raw.transferLeader(asId(valueOf(to)));
  },
  'forget-leader': (env, directive) => env.node(positional(directive)[0]).raw.forgetLeader(),
  'report-unreachable': (env, directive) => {
    const names = positional(directive);
    if (names.length !== 2) {
      throw new DirectiveError(
        'must specify exactly two node indexes: node on which to report, and reported node',
      );
    }
    env.node(names[0]).raw.reportUnreachable(env.node(names[1]).id);
  },
  'send-snapshot': (env, directive) => {
    const [from, to] = positional(directive);
    const node = env.node(from);
    const message = newMessage({
      type: MessageType.Snap,
      term: node.raw.basicStatus().term,
      from: node.id,
      to: asId(to),
      snapshot: node.storage.snapshot(),
    });
    env.messages.push(message);
    env.output.write(describeMessage(message));
  },
  // These commands are our own, for features that etcd's scripts do not use.
  'read-index': (env, directive) => {
    const [name, context] = positional(directive);
    env.node(name).raw.readIndex(new TextEncoder().encode(context ?? ''));
  },
  'report-snapshot': (env, directive) => {
    const [on, about, outcome] = positional(directive);
    if (outcome !== 'finish' && outcome !== 'failure') throw new Error('finish or failure');
    env.node(on).raw.reportSnapshot(env.node(about).id, outcome);
  },
  tick: (env, directive) => {
    const [name, count] = positional(directive);
    for (let tick = 0; tick < asNumber(count); tick += 1) env.node(name).raw.tick();
  },
  propose: (env, directive) => {
    const [name, data] = positional(directive);
    env.node(name).raw.propose(new TextEncoder().encode(data ?? ''));
  },
  'propose-conf-change': proposeConfChange,
};

function addNodes(env: InteractionEnvironment, directive: Directive): void {
  const count = asNumber(positional(directive)[0]);
  const voters = option(directive, 'voters');
  const learners = option(directive, 'learners');
  const given = option(directive, 'index');
  const index = given === undefined ? 0 : asNumber(valueOf(given));
  const isBootstrap = [voters, learners, given].some((arg) => arg !== undefined);
  if (isBootstrap && index <= 1) {
    throw new DirectiveError('index must be specified as > 1 due to bootstrap');
  }
  const snapshot: Snapshot = {
    metadata: {
      confState: {
        ...emptyConfState,
        voters: asIds(voters?.values ?? []),
        learners: asIds(learners?.values ?? []),
      },
      index,
      term: isBootstrap ? 1 : 0,
    },
  };
  for (let added = 0; added < count; added += 1) {
    const storage = new HistoryStorage(snapshot);
    if (isBootstrap) storage.applySnapshot(snapshot);
    const id = BigInt(env.nodes.length + 1);
    const base: RaftConfig = {
      id,
      storage,
      electionTick: 3,
      heartbeatTick: 1,
      maxSizePerMsg: Infinity,
      maxInflightMsgs: 2 ** 31 - 1,
      applied: index,
      logger: env.output,
      random: () => 0,
    };
    env.nodes.push(new InteractionNode({ ...base, ...configOptions(directive) }, storage));
  }
}

function configOptions(directive: Directive): Partial<RaftConfig> {
  const limit = (key: string): number | undefined => {
    const arg = option(directive, key);
    return arg === undefined ? undefined : asLimit(valueOf(arg));
  };
  const bool = (key: string): boolean => {
    const arg = option(directive, key);
    return arg !== undefined && asBool(valueOf(arg));
  };
  const inflight = limit('inflight');
  const maxCommittedSizePerReady = limit('max-committed-size-per-ready');
  const maxSizePerMsg = limit('max-size-per-msg');
  const maxUncommittedEntriesSize = limit('max-uncommitted-size');
  return {
    ...(inflight === undefined ? {} : { maxInflightMsgs: inflight }),
    ...(maxSizePerMsg === undefined ? {} : { maxSizePerMsg }),
    ...(maxUncommittedEntriesSize === undefined ? {} : { maxUncommittedEntriesSize }),
    disableProposalForwarding: bool('disable-proposal-forwarding'),
    ...(maxCommittedSizePerReady === undefined ? {} : { maxCommittedSizePerReady }),
    asyncStorageWrites: bool('async-storage-writes'),
    preVote: bool('prevote'),
    checkQuorum: bool('checkquorum'),
    disableConfChangeValidation: bool('disable-conf-change-validation'),
    stepDownOnRemoval: bool('step-down-on-removal'),
    readOnlyOption: readOnlyOption(directive),
  };
}

function readOnlyOption(directive: Directive): ReadOnlyOption {
  const arg = option(directive, 'read-only');
  if (arg === undefined) return ReadOnlyOption.Safe;
  const value = valueOf(arg);
  if (value === 'safe') return ReadOnlyOption.Safe;
  if (value === 'lease-based') return ReadOnlyOption.LeaseBased;
  throw new DirectiveError(`invalid read-only option "${value}"`);
}

function deliverMessages(env: InteractionEnvironment, directive: Directive): void {
  const typeArg = option(directive, 'type');
  const type = typeArg === undefined ? undefined : valueOf(typeArg);
  const recipients: { id: bigint; drop: boolean }[] = [];
  for (const { key, values } of directive.args) {
    if (values.length === 0) recipients.push({ id: asId(key), drop: false });
    else if (key === 'drop') {
      for (const id of asIds(values)) {
        if (recipients.some((other) => other.id === id)) throw new Error(`${id} is named already`);
        recipients.push({ id, drop: true });
      }
    }
  }
  let count = 0;
  for (const { id, drop } of recipients) count += env.deliver(id, type, drop);
  if (count === 0) env.output.write('no messages\n');
}

/** Runs a step on each node. With several nodes, each output has a head line and is indented. */
function forNamed(
  env: InteractionEnvironment,
  directive: Directive,
  what: string,
  step: (node: InteractionNode) => void,
): void {
  const nodes = positional(directive).map((name) => env.node(name));
  const [only] = nodes;
  if (only !== undefined && nodes.length === 1) {
    step(only);
    return;
  }
  for (const node of nodes) headed(env, node, what, () => step(node));
}

function headed(
  env: InteractionEnvironment,
  node: InteractionNode,
  what: string,
  step: () => void,
): void {
  env.output.write(`> ${node.id} ${what}\n`);
  env.output.indented(step);
}

function stabilize(env: InteractionEnvironment, directive: Directive): void {
  const level = option(directive, 'log-level');
  const nodes = env.namedNodes(directive);
  env.output.withLevel(level === undefined ? undefined : valueOf(level), () => {
    while (stabilizeRound(env, nodes)) {
      // The loop ends when no node has work.
    }
  });
}

/** Returns whether a node had work. */
function stabilizeRound(env: InteractionEnvironment, nodes: readonly InteractionNode[]): boolean {
  let done = false;
  for (const node of nodes) {
    if (!node.raw.hasReady()) continue;
    done = true;
    headed(env, node, 'handling Ready', () => env.processReady(node));
  }
  for (const node of nodes) {
    if (!env.messages.some(({ to }) => to === node.id)) continue;
    done = true;
    headed(env, node, 'receiving messages', () => env.deliver(node.id, undefined, false));
  }
  for (const node of nodes) {
    if (node.appendWork.length === 0) continue;
    done = true;
    env.output.write(`> ${node.id} processing append thread\n`);
    while (node.appendWork.length > 0) env.output.indented(() => env.processAppendThread(node));
  }
  for (const node of nodes) {
    if (node.applyWork.length === 0) continue;
    done = true;
    env.output.write(`> ${node.id} processing apply thread\n`);
    while (node.applyWork.length > 0) env.output.indented(() => env.processApplyThread(node));
  }
  return done;
}

function writeLog(env: InteractionEnvironment, { storage }: InteractionNode): void {
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  env.output.write(
    last < first
      ? `log is empty: first index=${first}, last index=${last}`
      : describeEntries(storage.entries(first, last + 1, Infinity)),
  );
}

function writeStates(env: InteractionEnvironment): void {
  for (const { raw, id } of env.nodes) {
    const { config, raftState, term, lead } = raw.status();
    const isVoter = config.incoming.includes(id) || config.outgoing.includes(id);
    env.output.write(
      `${id}: ${stateTypeName(raftState)} (${isVoter ? 'Voter' : 'Non-Voter'}) ` +
        `Term:${term} Lead:${lead}\n`,
    );
  }
}

const transitions: ReadonlyMap<string, Transition> = new Map([
  ['auto', ConfChangeTransition.Auto],
  ['implicit', ConfChangeTransition.JointImplicit],
  ['explicit', ConfChangeTransition.JointExplicit],
]);

function proposeConfChange(env: InteractionEnvironment, directive: Directive): void {
  const node = env.node(positional(directive)[0]);
  let isV1 = false;
  let transition: Transition = ConfChangeTransition.Auto;
  for (const arg of directive.args) {
    if (arg.values.length === 0) continue;
    const value = valueOf(arg);
    if (arg.key === 'v1') isV1 = asBool(value);
    else if (arg.key === 'transition') {
      const known = transitions.get(value);
      if (known === undefined) throw new DirectiveError(`unknown transition ${value}`);
      transition = known;
    } else throw new DirectiveError(`unknown command ${arg.key}`);
  }
  const changes = parseOperations(directive.input);
  if (!isV1) {
    node.raw.proposeConfChange({ transition, changes });
    return;
  }
  const [only] = changes;
  if (only === undefined || changes.length > 1 || transition !== ConfChangeTransition.Auto) {
    throw new DirectiveError('v1 conf change can only have one operation and no transition');
  }
  node.raw.proposeConfChange({ id: 0n, ...only });
}
