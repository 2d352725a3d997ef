/**
 * A snapshot of another member arrives while entries that it covers wait for a slow state machine,
 * membership changes among them.
 */
import { afterEach, expect, it } from 'vitest';
import { bytesOf, newGate, World, type Member } from './support.ts';

let world: World;

afterEach(() => world.close());

interface Behind {
  readonly member: Member;
  /** The snapshot that the member gets covers everything up to this index. */
  readonly installedIndex: number;
  /** Lets the state machine of the member go on. */
  readonly goOn: () => void;
}

/** Holds the state machine of a member at the next entry. */
function holdMachine({ machine }: Member): () => void {
  const gate = newGate();
  const apply = machine.apply.bind(machine);
  Object.assign(machine, {
    apply: async (entries: Parameters<typeof apply>[0]) => {
      await gate.passed;
      return apply(entries);
    },
  });
  return gate.open;
}

/** All members except `cut` go on until only a snapshot can bring that one up to date. */
async function purgeBehind(cut: Member): Promise<void> {
  const others = [...world.members.values()].filter((member) => member !== cut);
  for (let round = 0; round < 3; round += 1) {
    const leader = await leaderAmong(others);
    for (let at = 0; at < 10; at += 1) await world.until(leader.raft.propose(bytesOf(`r${round}`)));
    // Each of them may be the leader, and send the snapshot.
    for (const { raft } of others) await world.until(raft.manualSnapshot());
  }
}

async function leaderAmong(members: readonly Member[]): Promise<Member> {
  for (let step = 0; step < 100; step += 1) {
    const leader = members.find(({ raft }) => raft.status().role === 'leader');
    if (leader !== undefined) return leader;
    await world.pass(100);
  }
  throw new Error('nobody leads');
}

/**
 * A follower that waits with an addition of learner 4, which is a voter in the snapshot that the
 * follower gets.
 */
async function memberBehindChange(beforeCut: (member: Member) => void): Promise<Behind> {
  world = new World({ snapshotsKept: 2, compactionMargin: 0 });
  await world.startAll(3);
  const leader = await world.leader();
  const member = await world.follower();
  const goOn = holdMachine(member);
  await world.until(leader.raft.propose(bytesOf('held')));
  await world.start(4n, undefined);
  await world.until(leader.raft.addLearner({ id: 4n, address: 'address-4' }));
  const { lastIndex } = leader.raft.status();
  await world.pass(500);
  // The change is committed here, and waits behind the entries that the state machine has.
  expect(member.raft.status().commitIndex).toBe(lastIndex);
  beforeCut(member);
  world.wire.cut.add(member.raft.nodeId);
  await world.until(leader.raft.promoteLearner(4n));
  await purgeBehind(member);
  world.wire.cut.clear();
  for (let step = 0; member.raft.status().firstIndex <= lastIndex; step += 1) {
    if (step > 100) throw new Error('no snapshot is installed');
    await world.pass(100);
  }
  return { member, installedIndex: member.raft.status().firstIndex - 1, goOn };
}

it('a membership change that the snapshot covers does not reach the core: the quorum is that of the snapshot', async () => {
  const { member, goOn } = await memberBehindChange(() => undefined);
  goOn();
  await world.pass(1000);
  const { raft } = member;
  await world.until((await world.leader()).raft.transferLeader(raft.nodeId));
  const voters = raft.clusterInfo().members.filter(({ role }) => role === 'voter');
  expect(voters.map(({ id }) => id)).toEqual([1n, 2n, 3n, 4n]);
  // Two of four voters are not a quorum, even if the two were the first members.
  const [one] = [1n, 2n, 3n].filter((id) => id !== raft.nodeId);
  for (const id of [1n, 2n, 3n, 4n]) if (id !== raft.nodeId && id !== one) world.wire.cut.add(id);
  const outcome = raft.propose(bytesOf('by two')).then(
    () => 'acknowledged',
    () => 'not acknowledged',
  );
  await world.pass(3000);
  world.wire.cut.clear();
  expect(await Promise.race([outcome, world.pass(0).then(() => 'waits')])).not.toBe('acknowledged');
});

it('no snapshot is made between such entries: its members would be those of another index', async () => {
  const made: { index: number; learners: readonly bigint[] }[] = [];
  const asked: Promise<{ index: number }>[] = [];
  const { member, installedIndex, goOn } = await memberBehindChange(({ raft, snapshots }) => {
    const create = snapshots.create.bind(snapshots);
    snapshots.create = (metadata, write, signal) => {
      made.push({ index: metadata.index, learners: metadata.confState.learners });
      return create(metadata, write, signal);
    };
    asked.push(raft.manualSnapshot());
  });
  goOn();
  const [place] = await world.until(Promise.all(asked));
  // The installed snapshot is the result.
  expect([made, place?.index]).toEqual([[], installedIndex]);
  await world.pass(500);
  const { voters, learners } = member.snapshots.list().at(-1)?.metadata.confState ?? {};
  expect([voters, learners]).toEqual([[1n, 2n, 3n, 4n], []]);
});

it('a proposal that the snapshot covers ends: its outcome is unknown here', async () => {
  world = new World({ snapshotsKept: 2, compactionMargin: 0 });
  await world.startAll(3);
  const member = await world.leader();
  const { raft } = member;
  const goOn = holdMachine(member);
  const { lastIndex } = raft.status();
  const first = raft.propose(bytesOf('applied here'));
  const held = Promise.allSettled([first]);
  await world.pass(500);
  // All members store it, and this leader does not learn that.
  world.wire.loses = ({ to }) => to === raft.nodeId;
  const covered = Promise.allSettled([raft.propose(bytesOf('covered'))]);
  await world.pass(200);
  world.wire.cut.add(raft.nodeId);
  world.wire.loses = () => false;
  await purgeBehind(member);
  world.wire.cut.clear();
  for (let step = 0; raft.status().firstIndex <= lastIndex + 2; step += 1) {
    if (step > 100) throw new Error('no snapshot is installed');
    await world.pass(100);
  }
  goOn();
  expect(await world.until(held)).toMatchObject([{ status: 'fulfilled' }]);
  expect(await world.until(covered)).toMatchObject([
    { status: 'rejected', reason: { code: 'RAFT_OUTCOME_UNKNOWN' } },
  ]);
  expect(raft.status().proposals.pending).toBe(0);
});

it('a member that this node knows only from a snapshot is reported to its transport', async () => {
  world = new World({ snapshotsKept: 2, compactionMargin: 0 });
  const told: bigint[] = [];
  const peers = [1n, 2n, 3n].map((id) => ({ id, address: `address-${id}` }));
  for (const { id } of peers) {
    const setPeer = ({ id: peer }: { id: bigint }): void => {
      if (id === 3n) told.push(peer);
    };
    const transport = { ...world.wire.transport(id), setPeer };
    await world.start(id, peers, undefined, {}, undefined, { transport });
  }
  await world.until((await world.leader()).raft.propose(bytesOf('a')));
  world.wire.cut.add(3n);
  const leader = await leaderAmong([world.member(1n), world.member(2n)]);
  await world.until(leader.raft.addLearner({ id: 9n, address: 'address-9' }));
  await purgeBehind(world.member(3n));
  expect(told).not.toContain(9n);
  const installed = new Promise((resolve) => {
    world.member(3n).raft.subscribe(({ type }) => {
      if (type === 'snapshot-installed') resolve(true);
    });
  });
  world.wire.cut.clear();
  expect(await world.until(installed)).toBe(true);
  expect(told).toContain(9n);
});
