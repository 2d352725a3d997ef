/** The server of member 1 on simulated connections. */
import type { Server } from 'node:http';
import type { TransportHandler } from '@babuza/raft/ports';
import { MessageType, newMessage } from '@babuza/raftpb';
import { encodeMessages, sizeInFrame } from '../../src/messages/frames.ts';
import type { Handshake } from '../../src/connections/handshake.ts';
import { newServer } from '../../src/server/http-server.ts';
import type { HttpTransportOptions } from '../../src/index.ts';
import { Members } from '../../src/connections/members.ts';
import { MessageServer } from '../../src/server/server.ts';
import { SnapshotReceiver } from '../../src/snapshots/snapshot-receiver.ts';
import { headOf } from '../raw-client.ts';
import { FakeMember, handshakeOf } from './fakes.ts';
import { FakeSocket } from './requests.ts';

/** Waits until the pushed bytes were read, parsed and answered. */
export async function turn(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await new Promise((resolve) => setImmediate(resolve));
}

export interface Served {
  readonly member: FakeMember;
  readonly members: Members;
  readonly http: Server;
  /** The members for which `onMember` was called. */
  readonly met: bigint[];
  readonly server: MessageServer;
  /** Opens a new connection on which these bytes have arrived. */
  readonly connected: (...bytes: (string | Uint8Array)[]) => Promise<FakeSocket>;
  /** The terms of the messages that the node received, in order. */
  readonly terms: () => number[];
}

export function serverOf(
  handler: Partial<TransportHandler> = {},
  options: Partial<HttpTransportOptions> = {},
): Served {
  const member = new FakeMember(handler, { listen: { host: '127.0.0.1', port: 0 }, ...options });
  const { wire } = member;
  const http = newServer(wire);
  const met: bigint[] = [];
  const members = new Members();
  const snapshots = new SnapshotReceiver(wire);
  const parts = { wire, members, snapshots, onMember: (id: bigint) => void met.push(id) };
  const server = new MessageServer(parts, http);
  const connected = async (...bytes: (string | Uint8Array)[]): Promise<FakeSocket> => {
    const socket = new FakeSocket();
    http.emit('connection', socket);
    for (const each of bytes) socket.push(Buffer.from(each));
    await turn();
    return socket;
  };
  const terms = (): number[] => member.received.map(({ term }) => term);
  return { member, members, http, met, server, connected, terms };
}

/** A whole request to `/raft/v1/<path>` with a body. */
export function post(path: string, body: Uint8Array, given: Partial<Handshake> = {}): Buffer {
  const length = [`Content-Length: ${body.length}`];
  const head = headOf(`POST /raft/v1/${path}`, handshakeOf(given), length);
  return Buffer.concat([Buffer.from(head), body]);
}

/** A frame with one message of a term. */
export function messageFrame(term: number, from = 2n): Buffer {
  const message = newMessage({ type: MessageType.Heartbeat, from, to: 1n, term });
  return encodeMessages([message], sizeInFrame(message));
}
