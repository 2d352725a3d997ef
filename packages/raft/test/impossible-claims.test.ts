/**
 * A member from another cluster claims entries that the leader does not have: the leader reports it
 * and goes on.
 */
import { afterEach, expect, it } from 'vitest';
import type { Logger, RaftEvent } from '../src/index.ts';
import { MapSnapshots, bytesOf, World, type Member } from './support.ts';
import { MemoryStore } from '@babuza/wal-memory';

let world: World;

afterEach(() => world.close());

const strayId = 4n;
const stray = { id: strayId, address: `address-${strayId}` };

async function propose({ raft }: Member, count: number, text: string): Promise<void> {
  for (let at = 0; at < count; at += 1) await world.until(raft.propose(bytesOf(`${text}${at}`)));
}

interface Mixed {
  readonly leader: Member;
  readonly events: RaftEvent[];
  readonly warnings: string[];
}

/**
 * A node that led a cluster of its own, with more entries, becomes a learner of a young cluster.
 */
async function mixed(react: (event: RaftEvent, leader: Member) => void): Promise<Mixed> {
  world = new World();
  const warnings: string[] = [];
  const warn = (line: string): unknown => warnings.push(line);
  const logger: Logger = { debug() {}, info() {}, error() {}, warn };
  const own = await world.start(strayId, [stray]);
  const young = { store: new MemoryStore(), snapshots: new MapSnapshots() };
  await world.until(own.raft.waitForLeader());
  await propose(own, 200, 'wrong');
  // Its term is higher from now on: it would ignore another leader of its own term.
  const again = await world.restart(strayId);
  await world.until(again.raft.waitForLeader());
  const peers = [{ id: 1n, address: 'address-1' }];
  const leader = await world.start(1n, peers, young, {}, undefined, { logger });
  await world.until(leader.raft.waitForLeader());
  await propose(leader, 30, 'good');
  const events: RaftEvent[] = [];
  leader.raft.subscribe((event) => {
    events.push(event);
    react(event, leader);
  });
  await world.until(leader.raft.addLearner(stray));
  await world.pass(6000);
  return { leader, events, warnings };
}

it('each report is an event and a warning, and no snapshots are sent over and over', async () => {
  const { leader, events, warnings } = await mixed(() => undefined);
  const lastIndex = leader.raft.status().lastIndex;
  const claims = events.filter(({ type }) => type === 'impossible-claim');
  expect(claims.length).toBeGreaterThan(0);
  expect(claims[0]).toMatchObject({ member: strayId, kind: 'match', times: 1 });
  for (const claim of claims) {
    if (claim.type !== 'impossible-claim') continue;
    expect(claim.claimed).toBeGreaterThan(claim.atMost);
    expect(claim.atMost).toBeLessThanOrEqual(lastIndex);
  }
  const told = warnings.filter((line) => line.includes('dropped a MsgAppResp from member 4'));
  expect(told).toHaveLength(claims.length);
  expect(events.filter(({ type }) => type === 'snapshot-sent').length).toBeLessThanOrEqual(3);
  expect(leader.raft.status().progress.find(({ id }) => id === strayId)?.matchIndex).toBe(0);
  await propose(leader, 3, 'more');
  expect(leader.machine.texts).toHaveLength(33);
});

it('a listener may call the node: the core is not in the middle of a step', async () => {
  const proposals: Promise<unknown>[] = [];
  const { leader } = await mixed((event, { raft }) => {
    if (event.type === 'impossible-claim') proposals.push(raft.propose(bytesOf('noticed')));
  });
  expect(proposals.length).toBeGreaterThan(0);
  await world.until(Promise.all(proposals));
  expect(leader.machine.texts).toContain('noticed');
});
