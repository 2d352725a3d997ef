/**
 * The work of a node with asynchronous writes: an append thread and an apply thread with a queue
 * each, which do not wait for each other, and several Readys under way. The answers of a thread are
 * delivered in order, some time after its work is done; those of the append thread once the write
 * is durable. Other messages are sent at once, except requests for votes: see `#mayLeave`.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { isLocalThread, localAppendThread } from '../../src/index.ts';
import type { StorageWork, WorkingNode } from './storage-work.ts';
import type { World } from './world.ts';

export class StorageThreads implements StorageWork {
  readonly #node: WorkingNode;
  readonly #world: World;
  #toAppend: Message[] = [];
  #toApply: Message[] = [];
  /** The vote requests whose term is not durable yet. */
  #waiting: Message[] = [];
  #isReadyPlanned = false;
  #isAppending = false;
  #isApplying = false;
  /** The delivery times of the last answers, which later answers must not overtake. */
  #appendAnswerAt = 0;
  #applyAnswerAt = 0;

  constructor(node: WorkingNode, world: World) {
    this.#node = node;
    this.#world = world;
  }

  wake(): void {
    if (!this.#isReadyPlanned && this.#node.running.hasReady()) {
      this.#isReadyPlanned = true;
      const delay = this.#world.random.next();
      this.#node.later(delay, 'takes a Ready', () => {
        this.#isReadyPlanned = false;
        this.#takeReady();
      });
    }
    this.#planAppend();
    this.#planApply();
  }

  #takeReady(): void {
    if (!this.#node.running.hasReady()) return;
    const { messages, committedEntries } = this.#node.takeReady();
    this.#world.checker.toBeApplied(this.#node.id, committedEntries);
    for (const message of messages) {
      if (message.to === localAppendThread) this.#toAppend.push(message);
      else if (isLocalThread(message.to)) this.#toApply.push(message);
      else if (this.#mayLeave(message)) this.#node.send(message);
      else this.#waiting.push(message);
    }
  }

  /**
   * Whether a message may be sent. A request for votes waits until its term is durable. Otherwise a
   * node that crashes could campaign for the same term again and lead it twice, with different
   * entries. The core hands these requests out at once, as etcd's does.
   */
  #mayLeave({ type, term }: Message): boolean {
    if (type !== MessageType.Vote || this.#world.faults.votesLeaveEarly === true) return true;
    return this.#node.disk.durable.initialState().hardState.term >= term;
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) {
      if (this.#mayLeave(message)) this.#node.send(message);
      else this.#waiting.push(message);
    }
  }

  #planAppend(): void {
    if (this.#isAppending || this.#toAppend.length === 0) return;
    this.#isAppending = true;
    this.#node.later(this.#world.random.next(), 'writes', () => this.#write());
  }

  /** Writes some of the waiting messages, with one sync for all of them. */
  #write(): void {
    const node = this.#node;
    const batch = this.#toAppend.splice(0, this.#world.random.between(1, 3));
    for (const { term, vote, commit, entries, snapshot } of batch) {
      const hardState = term === 0 ? undefined : { term, vote, commit };
      node.disk.write({ hardState, entries, snapshot });
      if (snapshot !== undefined) node.install(snapshot);
    }
    const answers = batch.flatMap(({ responses }) => responses);
    if (answers.length === 0 && this.#world.random.chance(0.7)) {
      // No answer depends on the write, so it need not be durable.
      this.#isAppending = false;
      return;
    }
    node.later(node.writeMs(), 'syncs', () => {
      node.disk.sync();
      this.#isAppending = false;
      this.#sendWaiting();
      this.#answerAppended(answers);
    });
  }

  #answerAppended(answers: readonly Message[]): void {
    const node = this.#node;
    const { scheduler } = this.#world;
    for (const answer of answers) {
      if (answer.to !== node.id) {
        node.send(answer);
        continue;
      }
      this.#appendAnswerAt = Math.max(this.#appendAnswerAt, scheduler.now + this.#answerMs());
      const delay = this.#appendAnswerAt - scheduler.now;
      node.later(delay, 'hears of its writes', (raw) => {
        this.#world.checker.sent(answer);
        raw.step(answer);
      });
    }
  }

  #planApply(): void {
    if (this.#isApplying || this.#toApply.length === 0) return;
    this.#isApplying = true;
    this.#node.later(this.#answerMs(), 'applies', () => this.#apply());
  }

  #apply(): void {
    this.#isApplying = false;
    const node = this.#node;
    const [message] = this.#toApply;
    if (message === undefined) return;
    if (!node.mayApply(message.entries)) {
      // The commit index that covers them may be written and not durable, and no answer may wait
      // for it.
      if (!this.#isAppending && this.#toAppend.length === 0) node.disk.sync();
      return;
    }
    this.#toApply.shift();
    node.apply(message.entries);
    const { scheduler } = this.#world;
    for (const answer of message.responses) {
      this.#applyAnswerAt = Math.max(this.#applyAnswerAt, scheduler.now + this.#answerMs());
      const delay = this.#applyAnswerAt - scheduler.now;
      node.later(delay, 'hears what it applied', (raw) => raw.step(answer));
    }
  }

  #answerMs(): number {
    const { random } = this.#world;
    return random.chance(0.1) ? random.next() * 40 : random.next() * 2;
  }
}
