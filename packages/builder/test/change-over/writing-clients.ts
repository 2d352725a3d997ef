/** Clients that write continuously, each value once, and count the acknowledged ones. */
import type { Raft } from '@babuza/raft';
import { nodeEnvironment } from '@babuza/vfs';
import { eventually } from '../real-cluster.ts';

const { clock } = nodeEnvironment();
const clientCount = 3;
const pauseMs = 2;
/**
 * A change of leader or a stopped node fails the write. The client continues with another value.
 */
const codesOfMoves = [
  'RAFT_NOT_LEADER',
  'RAFT_BUSY',
  'RAFT_DROPPED',
  'RAFT_OUTCOME_UNKNOWN',
  'RAFT_STOPPED',
];

export class WritingClients {
  readonly acknowledged: string[] = [];
  readonly #leader: () => { readonly raft: Pick<Raft, 'propose'> } | undefined;
  #isOver = false;
  #ended: Promise<unknown> = Promise.resolve();
  #error: unknown;

  constructor(leader: () => { readonly raft: Pick<Raft, 'propose'> } | undefined) {
    this.#leader = leader;
  }

  start(): void {
    const clients = Array.from({ length: clientCount }, (_, number) => this.#write(number));
    this.#ended = Promise.all(clients).catch((error: unknown) => {
      this.#error = error;
    });
  }

  /**
   * Resolves when each client could have got an acknowledgement for a write that it began after the
   * call.
   */
  async someMore(): Promise<void> {
    const enough = this.acknowledged.length + 2 * clientCount;
    await eventually('more acknowledged writes', async () => {
      if (this.#error !== undefined) throw this.#error;
      return this.acknowledged.length >= enough ? true : undefined;
    });
  }

  /** Rejects with the first unexpected error of a client. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
    if (this.#error !== undefined) throw this.#error;
  }

  async #write(client: number): Promise<void> {
    for (let count = 0; !this.#isOver; count += 1) {
      const value = `client ${client}, value ${count}`;
      try {
        const leader = this.#leader();
        if (leader !== undefined) {
          await leader.raft.propose(Buffer.from(value));
          this.acknowledged.push(value);
        }
      } catch (error) {
        const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
        if (!codesOfMoves.includes(String(code))) throw error;
      }
      await clock.sleep(pauseMs);
    }
  }
}
