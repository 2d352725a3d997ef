/** A real etcd with one member, on loopback, in its own folder. The tests use its HTTP gateway. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * The path of `etcd`, if both `etcd` and `etcdctl` are found: in `BABUZA_ETCD_BIN`, else in `PATH`.
 */
export function findEtcd(): string | undefined {
  return findProgram('etcdctl') === undefined ? undefined : findProgram('etcd');
}

/** One of the programs that `findEtcd` found. */
export function etcdProgram(name: 'etcd' | 'etcdctl'): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

function findProgram(name: string): string | undefined {
  const folder = process.env['BABUZA_ETCD_BIN'];
  if (folder !== undefined) {
    return existsSync(`${folder}/${name}`) ? `${folder}/${name}` : undefined;
  }
  try {
    return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** Less than the timeout of a test, so that this error is reported first. */
const startMsMax = 40_000;

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

interface Kv {
  readonly key: string;
  readonly value?: string;
}

export class EtcdServer {
  readonly #process: ChildProcess;
  readonly #port: number;
  readonly #output: () => string;

  private constructor(child: ChildProcess, port: number, output: () => string) {
    this.#process = child;
    this.#port = port;
    this.#output = output;
  }

  /**
   * Starts the server; `ready` waits for it. A single member uses short timings, so that it starts
   * quickly.
   */
  static async start(dataDir: string, more: readonly string[] = []): Promise<EtcdServer> {
    const client = await freePort();
    const peer = await freePort();
    const clientUrl = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const child = spawn(
      etcdProgram('etcd'),
      [
        `--name=x`,
        `--data-dir=${dataDir}`,
        `--logger=zap`,
        `--heartbeat-interval=10`,
        `--election-timeout=100`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=x=${peerUrl}`,
        ...more,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        text = (text + bytes.toString()).slice(-20_000);
      });
    }
    return new EtcdServer(child, client, () => text);
  }

  /** Waits until the server serves requests. Fails with its last output otherwise. */
  async ready(): Promise<void> {
    const start = performance.now();
    while (performance.now() - start < startMsMax) {
      if (this.#hasEnded) throw new Error(`etcd ended:\n${this.output}`);
      const healthy = await this.#call('/health', undefined, 5000).catch(() => undefined);
      if (healthy?.['health'] === 'true') return;
      await sleep(20);
    }
    throw new Error(`etcd does not serve:\n${this.output}`);
  }

  get output(): string {
    return this.#output();
  }

  async put(key: string, value: Uint8Array | string): Promise<void> {
    await this.#call('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  async delete(key: string): Promise<void> {
    await this.#call('/v3/kv/deleterange', { key: base64(key) });
  }

  /** Makes several puts in one transaction. */
  async putAll(pairs: readonly KeyValue[]): Promise<void> {
    const success = pairs.map(({ key, value }) => ({
      requestPut: { key: base64(key), value: base64(value) },
    }));
    await this.#call('/v3/kv/txn', { compare: [], success });
  }

  /** Returns all keys with their values, in order. */
  async everything(): Promise<KeyValue[]> {
    const answer = await this.#call('/v3/kv/range', { key: 'AA==', range_end: 'AA==' });
    const kvs = (answer['kvs'] ?? []) as Kv[];
    return kvs.map(({ key, value = '' }) => ({ key, value }));
  }

  /**
   * Returns the hash over all keys with their revisions, as `etcdctl endpoint hashkv` prints it.
   */
  async hashKv(): Promise<number> {
    const { stdout } = await promisify(execFile)(
      etcdProgram('etcdctl'),
      ['--endpoints', `http://127.0.0.1:${this.#port}`, 'endpoint', 'hashkv', '-w', 'json'],
      { env: { ...process.env, ETCDCTL_API: '3' } },
    );
    const [answer] = JSON.parse(stdout) as readonly {
      readonly HashKV: { readonly hash: number };
    }[];
    if (answer === undefined) throw new Error(`etcdctl said ${stdout}`);
    return answer.HashKV.hash;
  }

  /** Stops the server cleanly. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
  }

  #call(
    path: string,
    body: object | undefined,
    idleMsMax = startMsMax,
  ): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const call = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          path,
          method: body === undefined ? 'GET' : 'POST',
          agent: false,
          timeout: idleMsMax,
        },
        (response) => {
          const pieces: Buffer[] = [];
          response.on('error', reject);
          response.on('data', (piece: Buffer) => pieces.push(piece));
          response.on('end', () => {
            const text = Buffer.concat(pieces).toString();
            if (response.statusCode !== 200) reject(new Error(`${path}: ${text}`));
            else resolve(JSON.parse(text) as Record<string, unknown>);
          });
        },
      );
      call.on('error', reject);
      call.on('timeout', () => call.destroy(new Error(`${path}: no answer`)));
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

function base64(data: Uint8Array | string): string {
  return Buffer.from(data).toString('base64');
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
