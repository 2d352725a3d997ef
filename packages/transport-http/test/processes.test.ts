/** Members in separate processes: stopped, paused, and ending by themselves. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clock, messageOf, Net, until } from './support.ts';

let net: Net;
const processes: ChildProcess[] = [];
beforeEach(() => {
  net = new Net();
});
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  await net.close();
});

const built = new URL('../dist/index.js', import.meta.url).href;
const environment = fileURLToPath(new URL('../../vfs/dist/index.js', import.meta.url));

/** Member 2, which prints its port, and `closed` at the end. */
function spawnMember(peer: string, address: string): ChildProcess {
  const script = `
    const { HttpTransport } = await import(${JSON.stringify(built)});
    const { nodeEnvironment } = await import(${JSON.stringify(environment)});
    process.on('unhandledRejection', (error) => { console.log('unhandled', error); });
    const { clock, random } = nodeEnvironment();
    const transport = new HttpTransport(
      { clusterId: 1n, nodeId: 2n, clock, random },
      { address: ${JSON.stringify(address)}, listen: { port: 0 }, stallTimeoutMs: 500 },
    );
    transport.setPeer({ id: 1n, address: ${JSON.stringify(peer)} });
    await transport.start({
      receive: (message) => transport.send([{ ...message, from: 2n, to: 1n }]),
      receiveSnapshot: async () => undefined,
      receivedSnapshotBytes: async () => 0,
      unreachable: () => undefined,
      introduction: () => '',
      admit: () => undefined,
      refusedBy: () => undefined,
      admittedBy: () => undefined,
    }, { groupId: 0n, entryBytesMax: 1048576, messageBytesMax: 1048576 });
    console.log(transport.listeningPort);
    process.stdin.once('data', async () => {
      process.stdin.destroy();
      await transport.close();
      console.log('closed');
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  processes.push(child);
  return child;
}

async function start() {
  const one = await net.add(1n);
  // Only the proxy of this member is used, in front of the process.
  const { proxy } = await net.add(3n);
  const child = spawnMember(one.address, proxy.address);
  let text = '';
  child.stdout?.on('data', (chunk) => (text += String(chunk)));
  child.stderr?.on('data', (chunk) => (text += String(chunk)));
  await until(() => /^\d+\n/.test(text));
  proxy.setTarget(Number.parseInt(text, 10));
  one.transport.setPeer({ id: 2n, address: proxy.address });
  return { one, child, said: () => text };
}

describe('a member in a process of its own', () => {
  it('is given up while it is stopped, and heard again afterwards', async () => {
    const { one, child } = await start();
    while (one.received.length === 0) {
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      await clock.sleep(20);
    }
    child.kill('SIGSTOP');
    await until(() => one.unreachable.includes(2n));
    child.kill('SIGCONT');
    while (!one.texts.includes('again')) {
      one.transport.send([messageOf(1n, 2n, 'again')]);
      await clock.sleep(20);
    }
  });

  it('ends by itself after close', async () => {
    const { one, child, said } = await start();
    for (let count = 0; count < 5; count += 1) {
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      await clock.sleep(10);
    }
    child.stdin?.write('close\n');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(said()).toMatch(/closed/);
    expect(said()).not.toContain('unhandled');
  });
});

describe('a pause of this process', () => {
  it('breaks no stream', async () => {
    const [one, two] = await net.pair();
    while (two.received.length === 0) {
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      await clock.sleep(20);
    }
    const endMs = clock.monotonicMs() + 1500;
    while (clock.monotonicMs() < endMs);
    await clock.sleep(300);
    expect(one.transport.stats()[0]).toMatchObject({ isConnected: true, failedConnections: 0 });
  });
});
