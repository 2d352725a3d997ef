/** The log is kept from each snapshot on that is being sent, until that sending has ended. */
import { MessageType, newMessage } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { SnapshotPauses } from '../src/snapshots/snapshot-pauses.ts';
import { SnapshotSending } from '../src/snapshots/snapshot-sending.ts';
import { MapSnapshots, newGate, World, type Gate } from './support.ts';

const confState = {
  voters: [1n, 2n, 3n],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

let gates: Map<bigint, Gate>;
let failing: Set<bigint>;
let sending: SnapshotSending;

const at = (index: number) => ({ index, term: 1, confState });

beforeEach(async () => {
  gates = new Map();
  failing = new Set();
  const { clock, wire } = new World();
  const manager = new MapSnapshots();
  for (const index of [10, 20]) await manager.create(at(index), async () => undefined);
  const logger = undefined;
  const tell = (): void => undefined;
  const pauses = new SnapshotPauses({
    clock,
    electionTimeoutMs: 1000,
    matchOf: () => 0,
    logger,
    tell,
  });
  sending = new SnapshotSending({
    manager,
    transport: {
      ...wire.transport(1n),
      sendSnapshot: async ({ to }) => {
        await gates.get(to)?.passed;
        if (failing.has(to)) throw new Error('the stream broke');
      },
    },
    pauses,
    logger,
    tell,
    signal: new AbortController().signal,
    take: ({ reject }) => reject(new Error('no other snapshot is to be made')),
  });
});

/** Begins to send a snapshot of this index; the returned function ends it. */
function send(to: bigint, index: number): () => Promise<void> {
  const gate = newGate();
  gates.set(to, gate);
  const message = newMessage({
    type: MessageType.Snap,
    from: 1n,
    to,
    term: 1,
    snapshot: { metadata: at(index), data: new Uint8Array(0) },
  });
  const sent = sending.send(message, () => undefined);
  return async () => {
    gate.open();
    await sent;
  };
}

const held = (): number[] => [...sending.indexes].sort((a, b) => a - b);

describe('two snapshots that are sent at once', () => {
  it.each([
    ['the first', 0],
    ['the second', 1],
  ])('hold their logs each for itself: %s ends first', async (_, first) => {
    const ends = [send(2n, 10), send(3n, 20)];
    expect(held()).toEqual([10, 20]);
    await ends[first]?.();
    expect(held()).toEqual([first === 0 ? 20 : 10]);
    await ends[1 - first]?.();
    expect(held()).toEqual([]);
  });

  it('hold the log of one index until the last of them has ended', async () => {
    const ends = [send(2n, 10), send(3n, 10)];
    await ends[0]?.();
    expect(held()).toEqual([10]);
    await ends[1]?.();
    expect(held()).toEqual([]);
  });

  it('release their logs where their streams break', async () => {
    failing.add(2n);
    const ends = [send(2n, 10), send(3n, 20)];
    await ends[0]?.();
    expect(held()).toEqual([20]);
    await ends[1]?.();
    expect(held()).toEqual([]);
  });
});
