/** Which messages of the other members reach the core. */
import { StateType } from '@babuza/raft-core';
import { EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope, EnvelopeKind, requestsPerIncarnation } from '../src/proposals/envelope.ts';
import { incomingOf } from '../src/incoming/incoming.ts';
import { IncomingRoom } from '../src/incoming/incoming-room.ts';
import type { TransportHandler } from '../src/ports/index.ts';
import { bytesOf, newGate } from './support.ts';

let log: string[];
let raftState: StateType;
let refused: Set<bigint>;
let receiveFiles: () => Promise<void>;
let isStopped: boolean;
let handler: TransportHandler;

beforeEach(() => {
  [log, refused, isStopped, raftState] = [[], new Set(), false, StateType.Leader];
  receiveFiles = async () => void log.push('files are durable');
  handler = incomingOf({
    node: { basicStatus: () => ({ raftState }) } as never,
    snapshots: {
      receive: () => receiveFiles(),
      unreachable: (id) => void log.push(`pause of ${id}`),
    },
    manager: { received: async (manifest: Uint8Array) => manifest.length } as never,
    checkRunning: () => {
      if (isStopped) throw new Error('the node has stopped');
    },
    give: ({ type, from }) => void log.push(`core gets ${type} of ${from}`),
    room: new IncomingRoom(1000),
    core: {
      tryRun: (give) =>
        give({ reportUnreachable: (id: bigint) => void log.push(`core: ${id}`) } as never),
    },
    identity: {
      admission: {
        takesFrom: (id: bigint) => !refused.has(id),
        introduction: () => 'introduction',
        admit: () => 'other-cluster',
        refusedBy: () => undefined,
        admittedBy: () => undefined,
      },
      heard: ({ from }: Message) => void log.push(`heard ${from}`),
    } as never,
  });
});

function proposal(number: number, from = 2n): Message {
  const data = encodeEnvelope({
    kind: EnvelopeKind.Payload,
    proposedAtMs: 0,
    request: { nodeId: from, number: requestsPerIncarnation + number },
    payload: bytesOf('a'),
  });
  const entries = [{ index: 0, term: 0, type: EntryType.Normal, data }];
  return newMessage({ type: MessageType.Prop, from, to: 1n, entries });
}

const heartbeat = newMessage({ type: MessageType.Heartbeat, from: 2n, to: 1n });
const snapshot = newMessage({ type: MessageType.Snap, from: 2n, to: 1n });
const given = (): string[] => log.filter((line) => line.startsWith('core gets'));

async function* noChunks(): AsyncGenerator<Uint8Array, void, void> {
  // A stream without chunks.
}
const receiveSnapshot = (): Promise<void> =>
  handler.receiveSnapshot(snapshot, noChunks(), new AbortController().signal);

describe('a message', () => {
  it('reaches the identity first and then the core', () => {
    handler.receive(heartbeat);
    expect(log).toEqual(['heard 2', `core gets ${MessageType.Heartbeat} of 2`]);
  });

  it('of a member that is refused does not reach the core', () => {
    refused.add(2n);
    for (const message of [heartbeat, proposal(1), snapshot]) handler.receive(message);
    expect(log).toEqual([]);
  });

  it('with a snapshot but without its files does not reach the core', () => {
    handler.receive(snapshot);
    expect(given()).toEqual([]);
  });
});

describe('a forwarded proposal', () => {
  it('reaches the core of a leader once', () => {
    for (const number of [1, 1, 2, 1]) handler.receive(proposal(number));
    expect(given()).toHaveLength(2);
  });

  it.each([StateType.Follower, StateType.Candidate, StateType.PreCandidate])(
    'does not reach a core in state %i, and is not taken for repeated when this node leads',
    (other) => {
      raftState = other;
      handler.receive(proposal(1));
      expect(given()).toEqual([]);
      raftState = StateType.Leader;
      handler.receive(proposal(1));
      expect(given()).toHaveLength(1);
    },
  );
});

describe('a snapshot', () => {
  it('reaches the core when its files are durable, and not before', async () => {
    const gate = newGate();
    receiveFiles = () => gate.passed;
    const receiving = receiveSnapshot();
    await Promise.resolve();
    // The identity sees the member before its files are durable.
    expect([log[0], given()]).toEqual(['heard 2', []]);
    gate.open();
    await receiving;
    expect(given()).toEqual([`core gets ${MessageType.Snap} of 2`]);
  });

  it('whose files fail does not reach the core, and its sender hears of it', async () => {
    receiveFiles = () => Promise.reject(new Error('the disk is full'));
    await expect(receiveSnapshot()).rejects.toThrow('the disk is full');
    expect(given()).toEqual([]);
  });

  it('of a member that is refused is not received', async () => {
    refused.add(2n);
    await expect(receiveSnapshot()).rejects.toMatchObject({ code: 'RAFT_OTHER_CLUSTER' });
    expect(log).toEqual([]);
  });

  it('is not received when the node has stopped', async () => {
    isStopped = true;
    await expect(receiveSnapshot()).rejects.toThrow('the node has stopped');
    expect(log).toEqual([]);
  });

  it('goes on where it was interrupted, and from the beginning without a manifest', async () => {
    const metadata = { index: 1, term: 1, confState: {} as never };
    const withManifest = { ...snapshot, snapshot: { metadata, data: bytesOf('four') } };
    expect(await handler.receivedSnapshotBytes(withManifest)).toBe(4);
    expect(await handler.receivedSnapshotBytes(snapshot)).toBe(0);
  });
});

it('a member that cannot be reached is told to the pauses and to the core', () => {
  handler.unreachable(3n);
  expect(log).toEqual(['pause of 3', 'core: 3']);
});
