/**
 * Handles what arrives from the other members. No method throws, as the transport port requires.
 */
import { MessageType, type Message } from '@babuza/raftpb';
import type { CoreDriver } from '../driver/core-driver.ts';
import type { RawNode } from '@babuza/raft-core';
import { RaftError } from '../errors.ts';
import { ForwardedRequests } from '../proposals/forwarded-requests.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import type { IncomingRoom } from './incoming-room.ts';
import { leads } from '../driver/loop.ts';
import type { SnapshotManager } from '../ports/snapshot-manager.ts';
import type { TransportHandler } from '../ports/transport.ts';

export interface IncomingParts {
  readonly node: RawNode;
  /** Makes the files of a snapshot durable. */
  readonly snapshots: {
    receive(...snapshot: Parameters<TransportHandler['receiveSnapshot']>): Promise<void>;
    unreachable(member: bigint): void;
  };
  readonly manager: SnapshotManager;
  readonly checkRunning: () => void;
  /** Gives the core a message. */
  readonly give: (message: Message) => void;
  readonly room: IncomingRoom;
  readonly core: Pick<CoreDriver, 'tryRun'>;
  readonly identity: NodeIdentity;
}

export function incomingOf(parts: IncomingParts): TransportHandler {
  const { node, snapshots, manager, checkRunning, give, room, core, identity } = parts;
  const forwarded = new ForwardedRequests();
  // A message that is not taken counts as lost. Ask the core whether this node leads, not the
  // cached role: the loop may not have run since the role changed.
  const isTaken = (message: Message): boolean => {
    if (message.type === MessageType.Snap) return false;
    if (message.type !== MessageType.Prop) return true;
    return leads(node.basicStatus()) && forwarded.take(message);
  };
  const checkTaken = ({ from }: Message): void => {
    if (identity.admission.takesFrom(from)) return;
    throw new RaftError(
      'RAFT_OTHER_CLUSTER',
      `snapshots of member ${from} are refused: it and this node refuse each other; see readiness()`,
    );
  };
  return {
    receive: (message) => {
      if (identity.admission.takesFrom(message.from)) {
        identity.heard(message);
        if (isTaken(message)) give(message);
      }
      return undefined;
    },
    room: () => room.room,
    receiveSnapshot: async (message, stream, signal) => {
      checkRunning();
      checkTaken(message);
      identity.heard(message);
      // The files are durable before the core gets the message.
      await snapshots.receive(message, stream, signal);
      give(message);
    },
    receivedSnapshotBytes: async ({ snapshot }) =>
      snapshot?.data === undefined ? 0 : manager.received(snapshot.data),
    introduction: () => identity.admission.introduction(),
    admit: (id, introduction) => identity.admission.admit(id, introduction),
    refusedBy: (id) => identity.admission.refusedBy(id),
    admittedBy: (id) => identity.admission.admittedBy(id),
    unreachable: (id) => {
      snapshots.unreachable(id);
      core.tryRun((raft) => raft.reportUnreachable(id));
    },
  };
}
