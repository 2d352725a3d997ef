/** Starts and controls the processes of the swarm and of the dummy target. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  isDummyAnswer,
  isSwarmAnswer,
  type SwarmAnswer,
  type SwarmRequest,
  type SwarmSettings,
  type Tallies,
  type Target,
} from '../../swarm/swarm-protocol.ts';

const programOf = (name: string): string =>
  fileURLToPath(new URL(`../../swarm/${name}.js`, import.meta.url));

/**
 * Resolves with the next message that `isExpected` accepts. Rejects when the process ends first.
 */
function nextMessage<T>(
  child: ChildProcess,
  isExpected: (message: unknown) => message is T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
    };
    const onError = (error: Error): void => {
      stop();
      reject(error);
    };
    const onExit = (): void => onError(new Error('a process of the swarm ended unexpectedly'));
    const onMessage = (message: unknown): void => {
      if (!isExpected(message)) return;
      stop();
      resolve(message);
    };
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

export interface Rested {
  readonly tallies: Tallies;
  /** Processor time of the swarm since its attack began. */
  readonly cpuMs: number;
}

export class SwarmHandle {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(
    settings: SwarmSettings,
    closesFirst: (close: () => Promise<unknown>) => void,
  ): Promise<SwarmHandle> {
    const child = fork(programOf('swarm-process'));
    const handle = new SwarmHandle(child);
    closesFirst(() => end(child));
    await handle.#ask({ type: 'prepare', settings });
    return handle;
  }

  async attack(targets: readonly Target[], term: number): Promise<void> {
    await this.#ask({ type: 'attack', targets, term });
  }

  async rest(): Promise<Rested> {
    const answer = await this.#ask({ type: 'rest' });
    if (answer.type === 'rested') return answer;
    throw new Error('the swarm did not return the outcomes of its attacks');
  }

  #ask(request: SwarmRequest): Promise<SwarmAnswer> {
    const answer = nextMessage(this.#child, isSwarmAnswer);
    this.#child.send(request);
    return answer;
  }
}

/** Starts the dummy target. It listens on the ports of `count` simulated members. */
export async function openDummy(
  count: number,
  closesFirst: (close: () => Promise<unknown>) => void,
): Promise<readonly Target[]> {
  const child = fork(programOf('dummy-process'), [String(count * 2)]);
  closesFirst(() => end(child));
  const { ports } = await nextMessage(child, isDummyAnswer);
  return Array.from({ length: count }, (_, at) => ({
    id: String(at + 1),
    host: '127.0.0.1',
    port: ports[2 * at] ?? 0,
    apiPort: ports[2 * at + 1] ?? 0,
  }));
}

function end(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGKILL');
  return gone;
}
