/**
 * The demo's handle on a writer process: asks one thing at a time, and can kill it at any moment.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Workplace } from '../common/workplace.ts';
import {
  isAnswer,
  isAnswerOf,
  isNotice,
  type Answer,
  type Notice,
  type Request,
} from './protocol.ts';

/** An error that the writer reported; `code` is the code of the log's error. */
export class WriterFailure extends Error {
  override readonly name = 'WriterFailure';
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** The process ended before it answered: expected after a kill, a failure otherwise. */
export class WriterGone extends Error {
  override readonly name = 'WriterGone';
}

export class WriterProcess {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;

  /** It is killed before the workplace is removed. */
  static startIn(workplace: Workplace): WriterProcess {
    const writer = new WriterProcess();
    workplace.closesFirst(() => writer.kill());
    return writer;
  }

  private constructor() {
    const script = fileURLToPath(new URL('./writer.js', import.meta.url));
    // The writer collects garbage before it measures memory.
    const execArgv = ['--expose-gc'];
    this.#child = fork(script, [], { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    // Messages that reached the channel before the end are delivered before `disconnect`.
    const ends = [once(this.#child, 'exit'), once(this.#child, 'disconnect')];
    this.#gone = Promise.all(ends).then(() => undefined);
    this.#gone.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Sends a request and waits for an answer of type `expected`, handing on the notices before it.
   */
  async ask<Type extends Answer['type']>(
    request: Request,
    expected: Type,
    onNotice: (notice: Notice) => void = () => undefined,
  ): Promise<Extract<Answer, { type: Type }>> {
    const answer = await this.#answerTo(request, onNotice);
    if (answer.type === 'failed') throw new WriterFailure(answer.message, answer.code);
    if (!isAnswerOf(answer, expected)) {
      throw new WriterFailure(`${request.type} was answered with ${answer.type}`, undefined);
    }
    return answer;
  }

  /** SIGKILL: the process gets no chance to do anything any more. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  /** Lets a process go that has nothing more to do. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#gone;
  }

  async #answerTo(request: Request, onNotice: (notice: Notice) => void): Promise<Answer> {
    const listening = new AbortController();
    const { signal } = listening;
    try {
      const answered = nextAnswer(this.#child, onNotice, signal);
      const gone = this.#gone.then(() => {
        throw new WriterGone('the writer process ended before it answered');
      });
      // Sending fails only when the process has ended or is ending.
      this.#child.send(request, () => undefined);
      return await Promise.race([answered, gone]);
    } finally {
      listening.abort();
    }
  }
}

function nextAnswer(
  child: ChildProcess,
  onNotice: (notice: Notice) => void,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve) => {
    const onMessage = (message: unknown): void => {
      if (isNotice(message)) onNotice(message);
      else if (isAnswer(message)) resolve(message);
    };
    child.on('message', onMessage);
    signal.addEventListener('abort', () => child.off('message', onMessage), { once: true });
  });
}
