/**
 * A process that can stand still, as a paused container does: no timer of it fires, none of its
 * calls to the disk begins, and messages that arrive meanwhile are lost.
 */
import type { TransportBackend, TransportHandler } from '@babuza/raft/ports';
import { transportBackend, type MemoryTransportOptions } from '@babuza/transport-memory';
import type { Clock, File, FileSystem, Timer } from '@babuza/vfs';
import { ProcessClock } from '../cluster/machine-world.ts';

export class PausableClock extends ProcessClock {
  #isPaused = false;
  #waiting: (() => void)[] = [];

  constructor(world: Clock) {
    super(world, 0);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  override startTimer(delayMs: number, callback: () => void): Timer {
    const state = { isCancelled: false };
    const timer = super.startTimer(delayMs, () => {
      if (!this.#isPaused) callback();
      else this.#waiting.push(() => void (state.isCancelled || callback()));
    });
    return {
      cancel: () => {
        state.isCancelled = true;
        timer.cancel();
      },
    };
  }

  override die(): void {
    super.die();
    this.#waiting = [];
  }

  /** Resolves when the process runs. */
  running(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** The disk of a process: no call begins while the process stands still. */
export function pausableDisk(disk: FileSystem, clock: PausableClock): FileSystem {
  const gated = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (of, name) => {
        const value: unknown = Reflect.get(of, name, of);
        if (typeof value !== 'function') return value;
        if (typeof name === 'string' && name.endsWith('Sync')) return value.bind(of);
        return (...given: unknown[]): unknown =>
          clock.isPaused
            ? clock.running().then(() => Reflect.apply(value, of, given))
            : Reflect.apply(value, of, given);
      },
    });
  const outer = gated(disk);
  return new Proxy(outer, {
    get: (of, name) => {
      if (name !== 'open') return Reflect.get(of, name, of);
      return async (...given: Parameters<FileSystem['open']>): Promise<File> =>
        gated(await of.open(...given));
    },
  });
}

/** The memory transport of a process. What arrives while the process stands still is lost. */
export function pausableTransport(clock: PausableClock): TransportBackend<MemoryTransportOptions> {
  return {
    ...transportBackend,
    create: (identity, options) => {
      const transport = transportBackend.create(identity, options);
      const start = transport.start.bind(transport);
      transport.start = (handler, group) => start(pausableHandler(handler, clock), group);
      return transport;
    },
  };
}

function pausableHandler(handler: TransportHandler, clock: PausableClock): TransportHandler {
  return {
    receive: (message) => {
      if (!clock.isPaused) handler.receive(message);
    },
    receiveSnapshot: (...given) => handler.receiveSnapshot(...given),
    receivedSnapshotBytes: (message) => handler.receivedSnapshotBytes(message),
    introduction: () => handler.introduction(),
    admit: (id, introduction) => handler.admit(id, introduction),
    refusedBy: (id) => handler.refusedBy(id),
    admittedBy: (id) => handler.admittedBy(id),
    unreachable: (id) => handler.unreachable(id),
  };
}
