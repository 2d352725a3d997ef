/** Member 2 in a process of its own, whose memory is measured while it is attacked. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mebibyte } from '../support.ts';

const built = new URL('../../dist/index.js', import.meta.url).href;
const environment = fileURLToPath(new URL('../../../vfs/dist/index.js', import.meta.url));

export interface VictimState {
  /** The memory of the process after a garbage collection. */
  readonly rssBytes: number;
  /** The number of messages received from member 1. */
  readonly heartbeats: number;
  /** The open connections that it has accepted. */
  readonly connections: number;
}

const script = (incomingBytesMax: number, address: string): string => `
  const { HttpTransport } = await import(${JSON.stringify(built)});
  const { nodeEnvironment } = await import(${JSON.stringify(environment)});
  const { createInterface } = await import('node:readline');
  const { clock, random } = nodeEnvironment();
  const transport = new HttpTransport(
    { clusterId: 1n, nodeId: 2n, clock, random },
    { address: '127.0.0.1:1', listen: { port: 0 }, stallTimeoutMs: 60000, incomingBytesMax: ${incomingBytesMax} },
  );
  transport.setPeer({ id: 1n, address: ${JSON.stringify(address)} });
  transport.setPeer({ id: 3n, address: '127.0.0.1:2' });
  let heartbeats = 0;
  let isFull = false;
  const never = new Promise(() => undefined);
  await transport.start({
    receive: (message) => { if (message.from === 1n) heartbeats += 1; },
    room: () => isFull ? never : undefined,
    receiveSnapshot: () => never,
    receivedSnapshotBytes: () => never,
    unreachable: () => undefined,
    introduction: () => '',
    admit: () => undefined,
    refusedBy: () => undefined,
    admittedBy: () => undefined,
  }, { groupId: 0n, entryBytesMax: ${mebibyte}, messageBytesMax: ${mebibyte} });
  console.log(JSON.stringify({ port: transport.listeningPort }));
  const state = () => {
    globalThis.gc();
    const connections = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap');
    return { rssBytes: process.memoryUsage().rss, heartbeats, connections: connections.length };
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    isFull ||= line === 'full';
    // The second round frees what the first one has finalized.
    globalThis.gc();
    setImmediate(() => console.log(JSON.stringify(state())));
  });`;

/**
 * The allocator returns freed memory to the system at once, so that only live memory is measured.
 */
const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536' };

export class Victim {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('it has no output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(incomingBytesMax: number, address: string): Promise<Victim> {
    const flags = ['--expose-gc', '--input-type=module', '-e', script(incomingBytesMax, address)];
    const victim = new Victim(
      spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'], env }),
    );
    ({ port: victim.port } = await victim.#next<{ port: number }>());
    return victim;
  }

  /** With `'full'` the node takes no more entries from now on. */
  async state(full: 'full' | '' = ''): Promise<VictimState> {
    this.#child.stdin?.write(`${full}\n`);
    return this.#next<VictimState>();
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  async #next<Value>(): Promise<Value> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('it has ended');
    return JSON.parse(value) as Value;
  }
}
