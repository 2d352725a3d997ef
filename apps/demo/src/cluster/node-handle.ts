/**
 * A node's process, as the demo sees it: started, asked to end, killed, started again on its
 * directory.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  isNodeAnswer,
  isNodeNotice,
  type NodeNotice,
  type NodeRequest,
  type NodeSettings,
} from './node-protocol.ts';

const program = fileURLToPath(new URL('./node-process.js', import.meta.url));

export interface NodeEvents {
  readonly onNotice: (notice: NodeNotice) => void;
  /** The process or its node ended without being asked to. */
  readonly onFailure: (message: string) => void;
}

export interface StartedNode {
  readonly transportPort: number;
  readonly apiPort: number;
}

export class NodeHandle {
  readonly id: bigint;
  readonly #events: NodeEvents;
  #child: ChildProcess | undefined;
  #gone: Promise<unknown> = Promise.resolve();

  constructor(id: bigint, events: NodeEvents) {
    this.id = id;
    this.#events = events;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  /** Rejects with what the node says when it cannot start. */
  async start(settings: NodeSettings): Promise<StartedNode> {
    const child = fork(program, [], { serialization: 'json', execArgv: ['--expose-gc'] });
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      child.once('exit', resolve);
      // There is no process: none could be started.
      child.once('error', () => {
        if (child.pid === undefined) resolve(undefined);
      });
    });
    child.once('exit', (code, signal) => this.#ended(child, code, signal));
    const started = new Promise<StartedNode>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`node ${this.id} ended while it started`)));
      child.once('error', reject);
      child.on('message', (message) => {
        if (isNodeNotice(message)) this.#events.onNotice(message);
        else if (!isNodeAnswer(message)) return;
        else if (message.type === 'started') resolve(message);
        else {
          const problem = `node ${this.id}: ${message.message} (${message.code ?? 'no code'})`;
          reject(new Error(problem));
          this.#events.onFailure(problem);
        }
      });
    });
    this.#tell({ type: 'start', settings });
    return started;
  }

  /**
   * SIGSTOP: the process stands still, with its connections and its files; whoever waits for it is
   * not told.
   */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Writes of the node to its log wait until the disk is released. */
  hangDisk(): void {
    this.#tell({ type: 'disk', hangs: true });
  }

  releaseDisk(): void {
    this.#tell({ type: 'disk', hangs: false });
  }

  /** SIGKILL: nothing is closed, nothing more is written. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
    await this.#gone;
  }

  /** Lets the node end by itself: it closes its log and gives everything back. */
  async shutdown(): Promise<void> {
    this.#tell({ type: 'shutdown' });
    this.#child = undefined;
    await this.#gone;
  }

  #tell(request: NodeRequest): void {
    // Sending fails only when the process has ended or is ending.
    this.#child?.send(request, () => undefined);
  }

  #ended(child: ChildProcess, code: number | null, signal: string | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#events.onFailure(`node ${this.id} ended with ${signal ?? `exit code ${code}`}`);
  }
}
