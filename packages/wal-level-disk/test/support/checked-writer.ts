/**
 * Runs the writer process, and records in a ledger what it attempted and what was acknowledged. All
 * lines that it wrote before it died are read before its log is checked.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { IdentityCalls } from '@babuza/testkit/ladder';
import type { OpenedWal, WalCapabilities, WalManager } from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import { walBackend, type DiskWalOptions } from '../../src/index.ts';
import { batchOf, recordOf, type WorkloadLine } from './workload.mjs';

const script = fileURLToPath(new URL('writer.mjs', import.meta.url));

/**
 * Small values, so that memory tables are written, compacted and replaced while the writer runs.
 */
export const tinyOptions: DiskWalOptions = {
  writeBufferBytes: 64 * 1024,
  tableBytes: 1024 * 1024,
  compactPurgedBytes: 16 * 1024,
};

/** The back end that the process writes to, and that opens its log afterwards. */
export interface TestedBackEnd {
  /** The built module that exports `walBackend` to the process. */
  readonly module: URL;
  readonly options: object;
  readonly capabilities: WalCapabilities;
  open(directory: string): Promise<WalManager>;
}

export const levelBackEnd: TestedBackEnd = {
  module: new URL('../../dist/index.js', import.meta.url),
  options: tinyOptions,
  capabilities: walBackend.capabilities,
  open: (directory) => walBackend.open(directory, tinyOptions),
};

export interface Run {
  readonly seed: number;
  /** The number of batches, or 0 to write until it is killed or fails. */
  readonly batches: number;
  /** A command that runs the process, such as a tracer. */
  readonly through?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Called with each line. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
}

export interface Ended {
  /** The code of the failed call. */
  readonly failure: string | undefined;
  readonly attempted: number;
  readonly acknowledged: number;
  /** How many of the acknowledged calls were identity records. */
  readonly records: number;
  /** Whether the process ended by itself. */
  readonly ended: boolean;
  /** Lines of saves that were acknowledged after another one had failed. */
  readonly late: readonly string[];
}

export class CheckedWriter {
  readonly directory: string;
  readonly ledger: Ledger;
  readonly identity: IdentityCalls = new IdentityCalls(recordOf);
  acknowledged = 0;
  readonly #backEnd: TestedBackEnd;

  /** The default back end is LevelDB. */
  constructor(directory: string, backEnd: TestedBackEnd = levelBackEnd) {
    this.directory = directory;
    this.#backEnd = backEnd;
    this.ledger = new Ledger(backEnd.capabilities);
  }

  /** Resolves when the process has ended and its whole output was read. */
  run({ seed, batches, through = [], env, onLine }: Run): Promise<Ended> {
    const command = [
      ...through,
      process.execPath,
      script,
      this.directory,
      String(seed),
      JSON.stringify(this.#backEnd.options),
      String(batches),
      this.#backEnd.module.href,
    ];
    const [program = process.execPath, ...args] = command;
    const seen = new Lines(this.ledger, this.identity);
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...env },
      });
      child.stdout.on('data', (chunk: Buffer) => {
        for (const line of seen.take(chunk.toString())) onLine?.(line, child);
      });
      child.on('error', reject);
      child.on('close', () => {
        this.acknowledged += seen.acknowledged;
        resolve(seen);
      });
    });
  }

  /** Opens the log and compares it with the ledger, which continues from the content of the log. */
  async check(): Promise<{ violations: string[]; entries: number }> {
    const manager = await this.#backEnd.open(this.directory);
    try {
      const opened = await this.#open(manager);
      const record = await manager.readIdentity();
      const violations = [...this.ledger.judge(opened), ...this.identity.judge(record)];
      this.ledger.adopt(opened);
      this.identity.adopt(record);
      const { storage } = opened;
      return { violations, entries: storage.lastIndex() - storage.firstIndex() + 1 };
    } finally {
      await manager.close();
    }
  }

  /** Opens the log, or creates it if the process died before it did. */
  async #open(manager: WalManager): Promise<OpenedWal> {
    if (await manager.hasExistingWal()) return manager.replayWal();
    return manager.createWal({ clusterId: 1, nodeId: 1 });
  }
}

class Lines implements Ended {
  readonly #ledger: Ledger;
  readonly #identity: IdentityCalls;
  readonly #ids = new Map<string, number>();
  /** The numbers of the identity records, by the id of the call. */
  readonly #records = new Map<string, number>();
  #rest = '';
  failure: string | undefined;
  attempted = 0;
  acknowledged = 0;
  records = 0;
  ended = false;
  readonly late: string[] = [];
  readonly #purges = new Set<string>();

  constructor(ledger: Ledger, identity: IdentityCalls) {
    this.#ledger = ledger;
    this.#identity = identity;
  }

  take(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line);
    return lines;
  }

  #takeLine(line: string): void {
    const [what, id = '', ...rest] = line.split(' ');
    if (what === 'try') {
      this.attempted += 1;
      this.#attempt(id, JSON.parse(rest.join(' ')));
    } else if (what === 'done') {
      // A purge resolves when its space is freed, and was durable before that.
      if (this.failure !== undefined && !this.#purges.has(id)) this.late.push(line);
      this.acknowledged += 1;
      this.#acknowledge(id);
    } else if (what === 'failed') {
      this.failure = id;
    } else if (what === 'end') {
      this.ended = true;
    }
  }

  #attempt(id: string, line: WorkloadLine): void {
    if (line.record !== undefined) {
      this.#records.set(id, line.record);
      this.#identity.attempt(line.record);
      return;
    }
    const batch = batchOf(line);
    if (batch.purgeTo !== undefined) this.#purges.add(id);
    this.#ids.set(id, this.#ledger.attempt(batch));
  }

  #acknowledge(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return this.#ledger.acknowledge(this.#ids.get(id) ?? 0);
    this.records += 1;
    this.#identity.acknowledge(record);
  }
}
