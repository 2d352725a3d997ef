/** One call starts a node: a new one, one that was stopped, and one that joins. */
import { createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startNode, type AppliedEntry, type Raft, type StartNodeOptions } from '../src/index.ts';

class Counter {
  readonly kind = 'memory';
  count = 0;
  isClosed = false;
  apply(entries: readonly AppliedEntry[]): Uint8Array[] {
    return entries.map(() => Uint8Array.of((this.count += 1)));
  }
  query(): number {
    return this.count;
  }
  saveSnapshot(writer: { write(bytes: Uint8Array): Promise<void> }): Promise<void> {
    return writer.write(Uint8Array.of(this.count));
  }
  async restoreSnapshot(reader: { read(): AsyncIterable<Uint8Array> }): Promise<void> {
    for await (const chunk of reader.read()) this.count = chunk[0] ?? 0;
  }
  close(): void {
    this.isClosed = true;
  }
}

let directory = '';
const nodes: Raft<unknown, number>[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-start-'));
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.shutdown()));
  await rm(directory, { recursive: true });
});

/** A port that was free a moment ago. */
async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => void server.close(resolve));
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
  return `127.0.0.1:${bound.port}`;
}

async function started(options: StartNodeOptions<unknown, number>): Promise<Raft<unknown, number>> {
  const node = await startNode(options);
  nodes.push(node);
  return node;
}

const settings = { clusterId: 1, config: { tickMs: 20 } };

describe('startNode', () => {
  it('starts a cluster of three, which a fourth node joins', async () => {
    const addresses = await Promise.all([1, 2, 3, 4].map(freeAddress));
    const optionsOf = (id: number): StartNodeOptions<unknown, number> => ({
      ...settings,
      nodeId: id,
      address: addresses[id - 1] ?? '',
      directory: join(directory, `${id}`),
      stateMachine: new Counter(),
    });
    const peers = [1, 2, 3].map((id) => ({ id, address: addresses[id - 1] ?? '' }));
    const [first] = await Promise.all([1, 2, 3].map((id) => started({ ...optionsOf(id), peers })));
    await first?.waitForLeader();
    const leader = nodes.find((node) => node.leader()?.id === node.nodeId);
    const { result } = (await leader?.propose(Uint8Array.of(1))) ?? {};
    expect(result).toEqual(Uint8Array.of(1));
    const fourth = await started(optionsOf(4));
    await leader?.addVotingPeer({ id: 4n, address: addresses[3] ?? '' });
    expect(await fourth.read(undefined)).toBe(1);
  });

  it('goes on with the state of a node that was stopped', async () => {
    const address = await freeAddress();
    const options = { ...settings, nodeId: 1n, address, directory, peers: [{ id: 1n, address }] };
    const before = await startNode({ ...options, stateMachine: new Counter() });
    await before.waitForLeader();
    await before.propose(Uint8Array.of(1));
    await before.shutdown();
    const after = await started({ ...options, stateMachine: new Counter() });
    await after.waitForLeader();
    expect(await after.read(undefined)).toBe(1);
  });

  it('takes the name of another log that is installed', async () => {
    const address = await freeAddress();
    const node = await started({
      ...settings,
      nodeId: 1,
      address,
      directory,
      walType: 'level-wal-memory',
      snapshotType: 'volatile',
      stateMachine: new Counter(),
      peers: [{ id: 1, address }],
    });
    await node.waitForLeader();
    expect((await node.propose(Uint8Array.of(1))).result).toEqual(Uint8Array.of(1));
  });

  it('refuses to start off the loopback without protection, and closes the state machine', async () => {
    const stateMachine = new Counter();
    const address = '192.0.2.1:7000';
    const peers = [{ id: 1, address }];
    const node = startNode({ ...settings, nodeId: 1, address, directory, peers, stateMachine });
    await expect(node).rejects.toMatchObject({ code: 'TRANSPORT_INSECURE' });
    expect(stateMachine.isClosed).toBe(true);
  });

  const wrong: readonly (readonly [string, object])[] = [
    ['peer', { peer: [] }],
    ['directory', { directory: '' }],
    ['peers', { peers: 'all' }],
    ['peers[0]', { peers: [1] }],
    ['peers[0].id', { peers: [{ id: 1.5, address: 'localhost:7000' }] }],
    ['config.nodeId', { config: { nodeId: 2n } }],
    ['config', { config: 5 }],
    ['transportOptions.secret', { transportOptions: { secret: 'x' } }],
  ];
  it.each(wrong)('refuses a wrong %s before anything is opened', async (field, change) => {
    const stateMachine = new Counter();
    const address = '127.0.0.1:1';
    const options = { ...settings, nodeId: 1, address, directory, stateMachine, ...change };
    await expect(startNode(options)).rejects.toMatchObject({ code: 'BUILDER_CONFIG', field });
  });

  it('closes the state machine where a part cannot be built', async () => {
    const stateMachine = new Counter();
    const node = startNode({ ...settings, nodeId: 0, address: 'a:1', directory, stateMachine });
    await expect(node).rejects.toMatchObject({ code: 'BUILDER_CONFIG', field: 'nodeId' });
    expect(stateMachine.isClosed).toBe(true);
  });
});
