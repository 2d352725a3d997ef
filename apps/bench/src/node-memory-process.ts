/**
 * A fresh process that puts 100,000 proposals through a node and says what its memory grew by: one
 * node alone, or a leader and a follower while a third member is away, which then comes back and
 * catches up from the log. Automatic snapshots are off, so the log holds everything. The state
 * machine keeps nothing: the growth is the node's. Arguments: the scenario, a directory, payload
 * bytes, entries.
 */
import { readFileSync } from 'node:fs';
import { BabuzaComponentBuilder, BabuzaWal, MemoryTransportType } from '@babuza/builder';
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  type MemoryStateMachine,
  type Raft,
} from '@babuza/raft';
import { MemoryNetwork } from '@babuza/transport-memory';
import { nodeEnvironment } from '@babuza/vfs';

export type NodeScenario = 'alone' | 'member-away';

export interface NodeMemoryFigures {
  readonly scenario: NodeScenario;
  readonly payloadBytes: number;
  readonly entries: number;
  /** Nodes in the process while it was measured. */
  readonly nodes: number;
  /** The bytes of one node. */
  readonly indexBytes: number;
  readonly cacheBytes: number;
  /**
   * Growth of the JavaScript heap and of array buffers after a garbage collection, for each node.
   */
  readonly javaScriptBytes: number;
  /** Growth of the anonymous memory of the process, for each node. */
  readonly anonymousRssBytes: number;
  /** The same, at its highest while the member that was away caught up, for all three together. */
  readonly catchUpPeakRssBytes: number;
  readonly seconds: number;
}

const concurrency = 64;
const { clock, random } = nodeEnvironment();
const network = new MemoryNetwork({ clock, random });
const addressOf = (id: bigint): string => `node-${id}`;

/** Counts what it applies. */
class Counter implements MemoryStateMachine<void, number> {
  readonly kind = 'memory';
  #count = 0;

  apply(entries: readonly unknown[]): undefined[] {
    this.#count += entries.length;
    return entries.map(() => undefined);
  }

  query(): number {
    return this.#count;
  }

  saveSnapshot(): Promise<void> {
    return Promise.resolve();
  }

  restoreSnapshot(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

async function start(id: bigint, ids: readonly bigint[], directory: string): Promise<Raft> {
  const component = await new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: id,
    storageRootDir: `${directory}/node-${id}`,
    walType: BabuzaWal,
    transportType: MemoryTransportType,
    transportOptions: { network, address: addressOf(id) },
  }).build();
  const config = { ...defaultBabuzaConfig(1, id, addressOf(id)), snapshotEntries: Infinity };
  const peers = ids.map((peer) => ({ id: peer, address: addressOf(peer) }));
  return bootstrapRaftCluster<unknown, unknown>(config, peers, new Counter(), component);
}

async function leaderOf(nodes: readonly Raft[]): Promise<Raft> {
  for (;;) {
    const leader = nodes.find((node) => node.leader()?.id === node.nodeId);
    if (leader !== undefined) return leader;
    await clock.sleep(10);
  }
}

async function load(leader: Raft, payloadBytes: number, count: number): Promise<void> {
  let left = count;
  const client = async (number: number): Promise<void> => {
    // Used again: what a proposal is made of is copied.
    const payload = new Uint8Array(payloadBytes).fill(number);
    for (; left > 0; left -= 1) await leader.propose(payload);
  };
  await Promise.all(Array.from({ length: concurrency }, (_, number) => client(number)));
}

function javaScriptBytes(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  for (let times = 0; times < 3; times += 1) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Anonymous memory of the process; 0 where the platform does not tell. */
function anonymousRssBytes(): number {
  try {
    const match = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The highest growth while the member that was away gets everything from the log. */
async function catchUpPeak(directory: string, leader: Raft, before: number): Promise<number> {
  const late = await start(3n, [1n, 2n, 3n], directory);
  let peak = 0;
  const until = leader.status().appliedIndex;
  while (late.status().appliedIndex < until) {
    peak = Math.max(peak, anonymousRssBytes() - before);
    await clock.sleep(20);
  }
  await late.shutdown();
  return peak;
}

async function main(
  scenario: NodeScenario,
  directory: string,
  payloadBytes: number,
  entries: number,
): Promise<void> {
  const ids = scenario === 'alone' ? [1n] : [1n, 2n, 3n];
  const running = scenario === 'alone' ? [1n] : [1n, 2n];
  const nodes = await Promise.all(running.map((id) => start(id, ids, directory)));
  const leader = await leaderOf(nodes);
  // Before the first measurement: code that is compiled is not the log's memory.
  await load(leader, payloadBytes, 3000);
  const before = { javaScript: javaScriptBytes(), rss: anonymousRssBytes() };
  const startedMs = clock.monotonicMs();
  await load(leader, payloadBytes, entries);
  const seconds = (clock.monotonicMs() - startedMs) / 1000;
  const { wal } = leader.status();
  const figures: NodeMemoryFigures = {
    scenario,
    payloadBytes,
    entries,
    nodes: nodes.length,
    indexBytes: wal.indexBytes,
    cacheBytes: wal.cacheBytes,
    javaScriptBytes: (javaScriptBytes() - before.javaScript) / nodes.length,
    anonymousRssBytes: (anonymousRssBytes() - before.rss) / nodes.length,
    catchUpPeakRssBytes:
      scenario === 'alone' ? 0 : await catchUpPeak(directory, leader, before.rss),
    seconds,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await Promise.all(nodes.map((node) => node.shutdown()));
}

const [scenario, directory = '', payloadBytes, entries] = process.argv.slice(2);
if (scenario !== 'alone' && scenario !== 'member-away') throw new TypeError('no such scenario');
await main(scenario, directory, Number(payloadBytes), Number(entries));
