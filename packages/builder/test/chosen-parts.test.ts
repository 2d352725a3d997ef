/** How a built component passes options to its parts and closes them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultBabuzaConfig, type Logger } from '@babuza/raft';
import type { Transport, TransportBackend, TransportIdentity } from '@babuza/raft/ports';
import { VolatileSnapshotManager } from '@babuza/snapshot';
import { SimulatedClock, SeededRandom } from '@babuza/testkit';
import { MemoryNetwork, MemoryTransport, transportBackend } from '@babuza/transport-memory';
import { walBackend } from '@babuza/wal-memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BabuzaComponentBuilder, type BabuzaComponent, type BuilderConfig } from '../src/index.ts';
import { loadTransport } from '../src/load-package.ts';

const clock = new SimulatedClock();
const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** A transport that does not know its address. */
const ownTransport: Transport = {
  start: async () => undefined,
  setPeer: silent,
  removePeer: silent,
  send: silent,
  sendSnapshot: async () => undefined,
  close: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

let storageRootDir = '';
beforeEach(async () => {
  storageRootDir = await mkdtemp(join(tmpdir(), 'babuza-builder-'));
});
afterEach(() => rm(storageRootDir, { recursive: true }));

const built = (config: Partial<BuilderConfig> = {}): Promise<BabuzaComponent> =>
  new BabuzaComponentBuilder({
    clusterId: 7,
    nodeId: 3,
    walType: 'level-wal-memory',
    storageRootDir,
    ...config,
  }).build();

describe('a component', () => {
  it('hands the logger to a transport that is made for it', async () => {
    const identities: TransportIdentity[] = [];
    const transportType: TransportBackend = {
      types: ['own'],
      create: (identity) => {
        identities.push(identity);
        return new MemoryTransport({ network, ...identity, address: 'a' });
      },
    };
    const component = await built({ transportType, logger });
    expect(identities[0]?.logger).toBe(logger);
    await component.close();
  });

  it('gives the configuration of its node, with the ids and the address that it was built with', async () => {
    const transportOptions = { network, address: 'node-3:7000' };
    const component = await built({ transportType: 'memory', transportOptions });
    const config = component.nodeConfig({ tickMs: 20 });
    expect(config).toEqual({ ...defaultBabuzaConfig(7, 3, 'node-3:7000'), tickMs: 20 });
    await component.close();
  });

  it('gives no configuration of a node without an id or an address', async () => {
    const withoutId = await built({ nodeId: undefined, transportType: ownTransport });
    expect(() => withoutId.nodeConfig()).toThrow(/nodeId must be given/);
    await withoutId.close();
    const withoutAddress = await built({ transportType: ownTransport });
    expect(() => withoutAddress.nodeConfig()).toThrow(/knows the address/);
    await withoutAddress.close();
    const withoutTransport = await built();
    expect(() => withoutTransport.nodeConfig()).toThrow(/transportType/);
    await withoutTransport.close();
  });

  it('hands options to snapshots in memory, too', async () => {
    const snapshotType = 'volatile';
    await expect(built({ snapshotType, snapshotOptions: { chunkBytes: 511 } })).rejects.toThrow();
    const component = await built({ snapshotType, snapshotOptions: { chunkBytes: 512 } });
    await component.close();
  });

  it.each([0, 0n])('may be of cluster %s, and of the highest one', async (clusterId) => {
    const component = await built({ clusterId });
    expect(component.clusterId).toBe(0n);
    await component.close();
    const highest = await built({ clusterId: 2n ** 64n - 1n, nodeId: 2n ** 64n - 1n });
    expect([highest.clusterId, highest.nodeId]).toEqual([2n ** 64n - 1n, 2n ** 64n - 1n]);
    await highest.close();
  });

  it('keeps its directory when the process goes to another one', async () => {
    const component = await built({ storageRootDir: 'a-relative-directory' });
    expect(component.storageRootDir).toBe(resolve('a-relative-directory'));
    await component.close();
  });
});

describe('the parts of a component', () => {
  /** A component whose parts record when they are closed; the named ones fail to close. */
  async function closing(failing: readonly string[]): Promise<{
    component: BabuzaComponent;
    closed: string[];
  }> {
    const closed: string[] = [];
    const close = (name: string, then: () => Promise<void>) => async (): Promise<void> => {
      closed.push(name);
      await then();
      if (failing.includes(name)) throw new Error(`${name} is stuck`);
    };
    const transport = new MemoryTransport({
      network,
      clock,
      clusterId: 7n,
      nodeId: 3n,
      address: 'a',
    });
    const snapshots = new VolatileSnapshotManager();
    const manager = await walBackend.open('/memory');
    const walType = { ...walBackend, open: async () => manager };
    Object.assign(transport, {
      close: close('transport', MemoryTransport.prototype.close.bind(transport)),
    });
    Object.assign(snapshots, { close: close('snapshots', snapshots.close.bind(snapshots)) });
    Object.assign(manager, { close: close('log', manager.close.bind(manager)) });
    const component = await built({ walType, transportType: transport, snapshotType: snapshots });
    return { component, closed };
  }

  it.each([
    ['none', []],
    ['the transport', ['transport']],
    ['the snapshots', ['snapshots']],
    ['the log', ['log']],
    ['the transport and the snapshots', ['transport', 'snapshots']],
  ])(
    'are closed in the order of their use, each once, where %s of them fails',
    async (_, failing) => {
      const { component, closed } = await closing(failing);
      const outcomes = await Promise.allSettled([component.close(), component.close()]);
      await component.close().catch(() => undefined);
      expect(closed).toEqual(['transport', 'snapshots', 'log']);
      const last = failing.at(-1);
      for (const outcome of outcomes) {
        if (last === undefined) expect(outcome.status).toBe('fulfilled');
        else expect(outcome).toMatchObject({ reason: { message: `${last} is stuck` } });
      }
    },
  );
});

describe('a package that is loaded for a transport', () => {
  const loader = (module: unknown) => ({ find: () => undefined, load: async () => module });

  it('gives the transport of the type that was asked for', async () => {
    const loaded = await loadTransport('tcp-memory', 'p', loader({ transportBackend }));
    expect(loaded).toBe(transportBackend);
  });

  it.each([
    ['another type', { transportBackend: { ...transportBackend, types: ['other'] } }],
    ['no type', { transportBackend: { ...transportBackend, types: [] } }],
    ['an empty type', { transportBackend: { ...transportBackend, types: ['memory', ''] } }],
    ['no method', { transportBackend: { ...transportBackend, create: undefined } }],
    ['no transport', {}],
    ['nothing', undefined],
  ])('and has %s is refused', async (_, module) => {
    await expect(loadTransport('memory', 'p', loader(module))).rejects.toMatchObject({
      code: 'BUILDER_BACKEND_UNUSABLE',
      packageName: 'p',
    });
  });
});
