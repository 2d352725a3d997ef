/** Reads the JSON of the API: everything is looked at before it is believed. */
import { AnswerError, KeyValueError } from './errors.ts';
import type { HttpAnswer } from './connections.ts';

/** The fields of a JSON object. */
export class Answer {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      unreadable('an object');
    this.#fields = new Map(Object.entries(value));
  }

  static of({ body }: HttpAnswer): Answer {
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString());
    } catch {
      unreadable('JSON');
    }
    return new Answer(value);
  }

  get all(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.#fields);
  }

  number(name: string): number {
    const value = this.#fields.get(name);
    return typeof value === 'number' ? value : unreadable(`a number '${name}'`);
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    return typeof value === 'string' ? value : unreadable(`a text '${name}'`);
  }

  textOrNothing(name: string): string | undefined {
    const value = this.#fields.get(name) ?? undefined;
    return value === undefined ? undefined : this.text(name);
  }

  boolean(name: string): boolean {
    const value = this.#fields.get(name);
    return typeof value === 'boolean' ? value : unreadable(`a boolean '${name}'`);
  }

  id(name: string): bigint {
    return idOf(this.#fields.get(name), name);
  }

  ids(name: string): readonly bigint[] {
    return this.list(name).map((value) => idOf(value, name));
  }

  list(name: string): readonly unknown[] {
    const value: unknown = this.#fields.get(name);
    return Array.isArray(value) ? value : unreadable(`a list '${name}'`);
  }

  object(name: string): Answer | undefined {
    const value = this.#fields.get(name) ?? undefined;
    return value === undefined ? undefined : new Answer(value);
  }
}

function idOf(value: unknown, name: string): bigint {
  return typeof value === 'string' && /^\d{1,20}$/.test(value)
    ? BigInt(value)
    : unreadable(`an id '${name}'`);
}

function unreadable(what: string): never {
  throw new KeyValueError('KEY_VALUE_UNREADABLE', `the answer has not ${what}`, {
    outcome: 'unknown',
  });
}

/**
 * Reads the error in an answer. An answer that is not from this API, such as one of a proxy, gets
 * the code `UNKNOWN`.
 */
export function answerErrorOf(answer: HttpAnswer): AnswerError {
  try {
    const fields = Answer.of(answer);
    const leaderApi = fields.object('leader')?.textOrNothing('api');
    return new AnswerError(answer.status, fields.text('code'), fields.text('message'), leaderApi);
  } catch {
    return new AnswerError(answer.status, 'UNKNOWN', 'the answer is not of this API', undefined);
  }
}
