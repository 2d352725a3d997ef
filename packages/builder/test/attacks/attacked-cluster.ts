/**
 * A cluster of three in which members 1 and 2 run; member 3 is stopped, and an attacker acts in its
 * name.
 */
import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AppliedEntry } from '@babuza/raft';
import { newMessage, type Message, type MessageType } from '@babuza/raftpb';
import { HttpTransport } from '@babuza/transport-http';
import { ForgingMember } from '@babuza/transport-http/testing';
import { nodeEnvironment } from '@babuza/vfs';
import { expect, vi } from 'vitest';
import { AppliedLedger } from '../cluster/ledger.ts';
import { eventually, RealCluster, type RealNode } from '../real-cluster.ts';

const stolenId = 3n;
const mebibyte = 1024 * 1024;
const { clock, random } = nodeEnvironment();

export class AttackedCluster {
  readonly cluster = new RealCluster(() => 'babuza-wal', 'http');
  readonly #notes = vi.spyOn(AppliedLedger.prototype, 'note');
  readonly #hostile: ForgingMember[] = [];
  readonly #listeners: Server[] = [];
  #introduction = '';

  static async start(): Promise<AttackedCluster> {
    const attacked = new AttackedCluster();
    const starts = vi.spyOn(HttpTransport.prototype, 'start');
    const { cluster } = attacked;
    await Promise.all([1n, 2n, stolenId].map((id) => cluster.start(id)));
    await cluster.put('before', 8);
    await cluster.agree();
    const address = await cluster.addressOf(stolenId);
    const at = starts.mock.contexts.findIndex(
      (transport) => transport instanceof HttpTransport && transport.address === address,
    );
    attacked.#introduction = starts.mock.calls[at]?.[0].introduction() ?? '';
    await cluster.stop(stolenId);
    return attacked;
  }

  /** The values that the members have applied, in any order. */
  get applied(): readonly AppliedEntry[] {
    return this.#notes.mock.calls.map(([entry]) => entry);
  }

  get nodes(): readonly RealNode[] {
    return [...this.cluster.nodes.values()];
  }

  /** Starts an attacker that knows the id and the introduction of member 3. */
  async hostileMember(nodeId = stolenId, address?: string): Promise<ForgingMember> {
    const victims = await Promise.all(
      this.nodes.map(async ({ id }) => ({ id, address: await this.cluster.addressOf(id) })),
    );
    const member = await ForgingMember.start({
      clusterId: 1n,
      nodeId,
      introduction: this.#introduction,
      address: address ?? (await this.cluster.addressOf(stolenId)),
      group: { groupId: 0n, entryBytesMax: 8 * mebibyte, messageBytesMax: mebibyte },
      victims,
      clock,
      random,
    });
    this.#hostile.push(member);
    return member;
  }

  /** Sends messages until the victim has refused that many more. */
  async untilRefused(
    by: RealNode,
    hostile: ForgingMember,
    type: MessageType,
    fields: Partial<Message>,
  ): Promise<void> {
    const { refusedMessages } = by.raft.status();
    await eventually(`a refusal of message type ${type}`, async () => {
      hostile.send(newMessage({ type, from: stolenId, to: by.id, ...fields }));
      return by.raft.status().refusedMessages > refusedMessages ? true : undefined;
    });
  }

  /**
   * Checks that the cluster still commits, in a term that normal elections reach, even after a
   * restart of all members.
   */
  async expectService(): Promise<void> {
    await this.cluster.put('after', 8);
    await this.cluster.agree();
    for (const { id } of this.nodes) await this.cluster.stop(id);
    await Promise.all([1n, 2n].map((id) => this.cluster.start(id)));
    await this.cluster.put('after the restart', 8);
    await this.cluster.agree();
    for (const { raft } of this.nodes) expect(raft.status().term).toBeLessThan(1000);
  }

  /** Names of the files of a member's snapshots. */
  async snapshotFiles(id: bigint): Promise<readonly string[]> {
    const directory = await this.cluster.directoryOf(id);
    const names = await readdir(directory, { recursive: true });
    return names.filter((name) => name.includes('snap')).sort();
  }

  /** A port of an uninvolved server, and the number of connections to it. */
  async bystander(): Promise<{ readonly address: string; readonly count: () => number }> {
    let count = 0;
    const server = createServer((socket) => {
      count += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#listeners.push(server);
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    return { address: `127.0.0.1:${port}`, count: () => count };
  }

  async close(): Promise<void> {
    await Promise.all(this.#hostile.map((member) => member.close()));
    for (const server of this.#listeners) server.close();
    await this.cluster.close();
    vi.restoreAllMocks();
  }
}
