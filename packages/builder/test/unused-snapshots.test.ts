/**
 * A member that receives snapshots over the memory transport but does not install them is not sent
 * one after the other.
 */
import {
  bootstrapRaftCluster,
  defaultBabuzaConfig,
  joinRaftCluster,
  type MemoryStateMachine,
  type Raft,
  type RaftComponent,
  type RaftEvent,
} from '@babuza/raft';
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { MemoryNetwork, transportBackend } from '@babuza/transport-memory';
import { expect, it } from 'vitest';
import { BabuzaComponentBuilder, LevelWalMemory, VolatileSnapshot } from '../src/index.ts';

const clock = new SimulatedClock();
const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
const addressOf = (id: bigint): string => `node-${id}`;

async function componentOf(id: bigint): Promise<RaftComponent> {
  return new BabuzaComponentBuilder({
    clusterId: 1,
    nodeId: id,
    storageRootDir: '/nowhere',
    walType: LevelWalMemory,
    snapshotType: VolatileSnapshot,
    transportType: transportBackend,
    transportOptions: { network, address: addressOf(id) },
    clock,
    random: new SeededRandom(Number(id)),
  }).build();
}

/** A state machine that only counts the applied entries. */
function countingMachine(): MemoryStateMachine & { count: number } {
  const machine: MemoryStateMachine & { count: number } = {
    kind: 'memory',
    count: 0,
    apply: (entries) => {
      machine.count += entries.length;
      return entries.map(() => undefined);
    },
    query: () => machine.count,
    saveSnapshot: (writer) => writer.write(Uint8Array.of(machine.count)),
    restoreSnapshot: async (reader) => {
      for await (const [count] of reader.read()) machine.count = count ?? 0;
    },
    close: () => undefined,
  };
  return machine;
}

/** The transport of the member confirms a snapshot to the sender, but its node never gets it. */
function ignoreSnapshots({ transport }: RaftComponent): void {
  const start = transport.start.bind(transport);
  transport.start = (handler, group) =>
    start(
      {
        ...handler,
        receiveSnapshot: async (_message, stream) => {
          for await (const chunk of stream) void chunk;
        },
      },
      group,
    );
}

async function until<T>(promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  const ended = promise.finally(() => {
    state.settled = true;
  });
  ended.catch(() => undefined);
  while (!state.settled) await clock.advance(10);
  return ended;
}

it('a member that ignores snapshots gets three within six seconds, and catches up when it restarts', async () => {
  const config = (id: bigint) => ({
    ...defaultBabuzaConfig(1, id, addressOf(id)),
    snapshotEntries: 20,
    compactionMargin: 0,
  });
  const peers = [{ id: 1n, address: addressOf(1n) }];
  const leader: Raft = await until(
    bootstrapRaftCluster(config(1n), peers, countingMachine(), await componentOf(1n)),
  );
  await until(leader.waitForLeader());
  for (let at = 0; at < 50; at += 1) await until(leader.propose(Uint8Array.of(at)));
  const events: RaftEvent[] = [];
  leader.subscribe((event) => events.push(event));
  const count = (type: RaftEvent['type']): number =>
    events.filter((event) => event.type === type).length;
  await until(leader.addLearner({ id: 2n, address: addressOf(2n) }));
  const ignoring = await componentOf(2n);
  ignoreSnapshots(ignoring);
  const first = await until(joinRaftCluster(config(2n), countingMachine(), ignoring));
  await clock.advance(6000);
  expect(count('snapshot-sent')).toBeGreaterThanOrEqual(2);
  expect(count('snapshot-sent')).toBeLessThanOrEqual(3);
  expect(count('unused-snapshot')).toBe(2);
  await clock.advance(30_000);
  await until(first.shutdown());
  // Heartbeats that no member receives.
  await clock.advance(500);
  const machine = countingMachine();
  const again = await until(joinRaftCluster(config(2n), machine, await componentOf(2n)));
  // The leader could not reach the member meanwhile, so the long pause does not apply.
  const caughtUp = await until(
    Promise.race([
      again.waitForApplied(leader.status().lastIndex).then(() => true),
      clock.sleep(4000).then(() => false),
    ]),
  );
  expect(caughtUp).toBe(true);
  expect(machine.count).toBe(50);
  await until(again.shutdown());
  await until(leader.shutdown());
});
