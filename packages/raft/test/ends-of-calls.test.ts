/** Calls at a node that are interrupted by another event: each caller gets a true outcome. */
import { MessageType } from '@babuza/raftpb';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeExport, ExportReader } from '../src/snapshots/exported-snapshot.ts';
import { unknownIdentity } from '../src/identity/cluster-identity.ts';
import { bytesOf, MapSnapshots, World } from './support.ts';

let world: World;

afterEach(() => world.close());

describe('a call that only a leader answers', () => {
  it('is refused where leadership was lost while a quorum was asked', async () => {
    world = new World();
    await world.startAll(3);
    const { raft } = await world.leader();
    await world.until(raft.propose(bytesOf('a')));
    const next = await world.follower();
    // The others confirm nothing before they have another leader.
    world.wire.loses = ({ type, to }) => type === MessageType.HeartbeatResp && to === raft.nodeId;
    const verified = raft.verifyLeader();
    verified.catch(() => undefined);
    await world.until(raft.transferLeader(next.raft.nodeId));
    world.wire.loses = () => false;
    await expect(world.until(verified)).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER' });
  });

  it('is refused at a follower, whatever that knows of the member', async () => {
    world = new World();
    await world.startAll(3);
    await world.leader();
    const { raft } = await world.follower();
    await world.until(raft.waitForLeader());
    for (const change of [raft.promoteLearner(99n), raft.demoteVoter(1n)]) {
      await expect(change).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER' });
    }
  });

  it('does not transfer leadership to a learner', async () => {
    world = new World();
    await world.startAll(1);
    const { raft } = await world.leader();
    await world.start(2n, undefined);
    await world.until(raft.addLearner({ id: 2n, address: 'address-2' }));
    const nowMs = world.clock.monotonicMs();
    await expect(raft.transferLeader(2n)).rejects.toMatchObject({ code: 'RAFT_DROPPED' });
    expect(world.clock.monotonicMs()).toBe(nowMs);
  });
});

it('the end of a session that does not exist is told as that', async () => {
  world = new World();
  await world.startAll(1);
  const { raft } = await world.leader();
  const session = await world.until(raft.registerSession());
  await world.until(raft.unregisterSession(session));
  for (const id of [session, 999]) {
    await expect(world.until(raft.unregisterSession(id))).rejects.toMatchObject({
      code: 'RAFT_SESSION_EXPIRED',
    });
  }
});

it('an observer is told once that the node has ended', async () => {
  world = new World();
  let ends = 0;
  const observer = { observe: () => () => void (ends += 1) };
  const peers = [{ id: 1n, address: 'address-1' }];
  const { raft } = await world.start(1n, peers, undefined, {}, undefined, { observer });
  await world.until(raft.waitForLeader());
  expect(ends).toBe(0);
  await world.until(raft.shutdown());
  expect(ends).toBe(1);
});

describe('an export', () => {
  /** A snapshot manager that counts the snapshots that are open. */
  class CountingSnapshots extends MapSnapshots {
    openCount = 0;

    override async read(...given: Parameters<MapSnapshots['read']>) {
      const opened = await super.read(...given);
      this.openCount += 1;
      const close = async (): Promise<void> => void (this.openCount -= 1);
      return { ...opened, close, [Symbol.asyncDispose]: close };
    }
  }

  it.each(['is read to its end', 'is left in the middle'])(
    'closes its snapshot where the stream %s',
    async (how) => {
      world = new World();
      const snapshotManager = new CountingSnapshots();
      const peers = [{ id: 1n, address: 'address-1' }];
      const others = { snapshotManager };
      const { raft } = await world.start(1n, peers, undefined, {}, undefined, others);
      await world.until(raft.waitForLeader());
      await world.until(raft.propose(bytesOf('a')));
      const read = async (): Promise<void> => {
        for await (const chunk of raft.exportSnapshot()) {
          expect([chunk.length > 0, snapshotManager.openCount]).toEqual([true, 1]);
          if (how === 'is left in the middle') break;
        }
      };
      await world.until(read());
      expect(snapshotManager.openCount).toBe(0);
    },
  );

  /** The frames of an export with these files. */
  async function framesOf(...names: string[]): Promise<Buffer[]> {
    const snapshots = new MapSnapshots();
    const confState = {
      voters: [1n],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    await snapshots.create({ index: 5, term: 1, confState }, async (files) => {
      for (const name of names) await files.writeFile(name, [bytesOf(`content of ${name}`)]);
    });
    const frames: Buffer[] = [];
    for await (const frame of encodeExport(
      1n,
      unknownIdentity,
      await snapshots.read({ index: 5 }),
    )) {
      frames.push(Buffer.from(frame));
    }
    return frames;
  }

  it('of which a byte was changed is refused, in the head of a frame too', async () => {
    world = new World();
    const frames = await framesOf('a', 'b');
    for (const [at, frame] of frames.entries()) {
      for (const byte of [0, 8, 12, ...(frame.length > 13 ? [13, frame.length - 1] : [])]) {
        const changed = Buffer.from(frame);
        changed[byte] = (changed[byte] ?? 0) ^ 1;
        const stream = async function* (): AsyncGenerator<Uint8Array> {
          yield* frames.map((each, place) => (place === at ? changed : each));
        };
        const reader = new ExportReader(stream());
        const read = async (): Promise<void> => {
          await reader.header();
          const writeFile = async (
            _: string,
            chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
          ) => {
            for await (const chunk of chunks) void chunk;
          };
          const linkFile = async (): Promise<void> => undefined;
          await reader.copyTo({ writeFile, linkFile }, 'none', (bytes) => bytes);
        };
        await expect(read(), `frame ${at}, byte ${byte}`).rejects.toMatchObject({
          code: 'RAFT_STATE_UNREADABLE',
          message: expect.stringContaining('is damaged, or of another stream'),
        });
        await reader.close();
      }
    }
  });

  it('that is not read on is closed at its source', async () => {
    world = new World();
    const frames = await framesOf('a');
    let isClosed = false;
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* frames;
      } finally {
        isClosed = true;
      }
    };
    const reader = new ExportReader(stream());
    await reader.header();
    expect(isClosed).toBe(false);
    await reader.close();
    expect(isClosed).toBe(true);
  });
});
