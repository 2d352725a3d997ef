/**
 * The command that makes certificates for a try-out, and a cluster of three nodes that runs on
 * them. It moves to another authority under load.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BabuzaComponentBuilder, type BabuzaComponent } from '@babuza/builder';
import { bootstrapRaftCluster, defaultBabuzaConfig, type Raft } from '@babuza/raft';
import { HttpTransport, type HttpTransportTls } from '@babuza/transport-http';
import { nodeEnvironment } from '@babuza/vfs';
import { UsageError } from '../dist/argument-values.js';
import { readRequest } from '../dist/certificates/request.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const { clock } = nodeEnvironment();
let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-certificates-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const inDirectory = (name: string): string => join(directory, name);

async function command(...args: string[]): Promise<{ code: unknown; text: string }> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'certificates', ...args]);
    return { code: 0, text: stdout };
  } catch (error) {
    const { code, stderr } = error as { code: unknown; stderr: string };
    return { code, text: stderr };
  }
}

async function tlsOf(folder: string, id: number): Promise<HttpTransportTls> {
  const [cert, key, ca] = await Promise.all(
    [`node-${id}.pem`, `node-${id}.key.pem`, 'ca.pem'].map((name) =>
      readFile(join(folder, name), 'utf8'),
    ),
  );
  return { cert: cert ?? '', key: key ?? '', ca };
}

const three = [1, 2, 3].flatMap((id) => ['--node', `${id}=127.0.0.1,::1,localhost`]);

describe('the command certificates', () => {
  it('makes an authority and certificates, and keeps keys to their owner', async () => {
    const folder = inDirectory('one');
    expect(await command('--dir', folder, ...three)).toMatchObject({ code: 0 });
    for (const name of ['ca.key.pem', 'node-1.key.pem', 'node-3.key.pem']) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    }
    // More nodes later, of the same authority; a list that revokes one.
    const before = await readFile(join(folder, 'ca.pem'), 'utf8');
    const more = await command('--dir', folder, '--node', '4=node-4.example', '--revoke', '3');
    expect(more).toMatchObject({ code: 0 });
    expect(await readFile(join(folder, 'ca.pem'), 'utf8')).toBe(before);
    expect(await readFile(join(folder, 'crl.pem'), 'utf8')).toContain('BEGIN X509 CRL');
  });

  it('overwrites nothing', async () => {
    const folder = inDirectory('two');
    await command('--dir', folder, '--node', '1=a');
    const before = await tlsOf(folder, 1);
    expect(await command('--dir', folder, '--node', '1=b')).toMatchObject({ code: 1 });
    expect(await tlsOf(folder, 1)).toEqual(before);
  });

  it.each([
    [[]],
    [['--node', '1']],
    [['--node', '1=a:b=c']],
    [['--node', '0=a']],
    [['--node', '1=*.example']],
    [['--node', '1=a', '--node', '1=b']],
    [['--node', '1=a', '--days', '826']],
    [['--nodes', '3']],
  ])('refuses %j', (args) => {
    expect(() => readRequest(args)).toThrow(UsageError);
  });
});

interface Running {
  readonly id: number;
  readonly node: Raft<void, number>;
  readonly transport: HttpTransport;
  readonly component: BabuzaComponent;
}

function counter() {
  let count = 0;
  return {
    kind: 'memory' as const,
    apply: (entries: readonly unknown[]) => entries.map(() => Uint8Array.of((count += 1) & 255)),
    query: () => count,
    saveSnapshot: async () => undefined,
    restoreSnapshot: async () => undefined,
    close: () => undefined,
  };
}

async function start(folder: string): Promise<Running[]> {
  const peers = [1, 2, 3].map((id) => ({ id: BigInt(id), address: `127.0.0.1:${24_360 + id}` }));
  return Promise.all(
    peers.map(async ({ id, address }) => {
      const component = await new BabuzaComponentBuilder({
        clusterId: 1,
        nodeId: id,
        storageRootDir: join(folder, `data-${id}`),
        walType: 'babuza-wal',
        transportType: 'http',
        transportOptions: { address, tls: await tlsOf(folder, Number(id)) },
      }).build();
      const { transport } = component;
      if (!(transport instanceof HttpTransport)) throw new Error('it is another transport');
      const config = defaultBabuzaConfig(1, id, address);
      const node = await bootstrapRaftCluster(config, peers, counter(), component);
      return { id: Number(id), node, transport, component };
    }),
  );
}

it('a cluster on these certificates moves to another authority while clients write', async () => {
  const [old, young] = [inDirectory('old'), inDirectory('young')];
  await Promise.all([command('--dir', old, ...three), command('--dir', young, ...three)]);
  const nodes = await start(old);
  const [first] = nodes;
  if (first === undefined) throw new Error('there are no nodes');
  const progress = { isOver: false, written: 0 };
  const writing = (async () => {
    while (!progress.isOver) {
      const { id } = await first.node.waitForLeader();
      const leader = nodes.find((each) => BigInt(each.id) === id) ?? first;
      await leader.node.propose(Buffer.from('one more'));
      progress.written += 1;
    }
  })();
  const [oldCa, youngCa] = [(await tlsOf(old, 1)).ca, (await tlsOf(young, 1)).ca];
  for (const step of ['both', 'certificates', 'young'] as const) {
    for (const { id, transport } of nodes) {
      const { cert, key } = await tlsOf(young, id);
      if (step === 'both') transport.reloadTls({ ca: `${String(oldCa)}${String(youngCa)}` });
      else if (step === 'certificates') transport.reloadTls({ cert, key });
      else transport.reloadTls({ ca: youngCa });
      const before = progress.written;
      while (progress.written < before + 5) await clock.sleep(5);
    }
  }
  progress.isOver = true;
  await writing;
  for (const { node } of nodes) expect(await node.read()).toBe(progress.written);
  await Promise.all(nodes.map(({ node }) => node.shutdown()));
});
