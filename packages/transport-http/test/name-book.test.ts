/** The cache of the names of other members' hosts, with a clock that the test controls. */
import { SeededRandom, SimulatedClock, turnOfEventLoop } from '@babuza/testkit';
import type { HostAddress, HostNames } from '@babuza/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { NameBook } from '../src/connections/name-book.ts';

type Answer = readonly HostAddress[] | Error;

/** Lookups that the test answers. */
class Lookups implements HostNames {
  readonly asked: string[] = [];
  readonly ended: string[] = [];
  readonly #waiting: { name: string; answer: (answer: Answer) => void }[] = [];

  lookUp(name: string, signal: AbortSignal): Promise<readonly HostAddress[]> {
    this.asked.push(name);
    signal.addEventListener('abort', () => this.ended.push(name));
    return new Promise((resolve, reject) => {
      const answer = (given: Answer): void =>
        given instanceof Error ? reject(given) : resolve(given);
      this.#waiting.push({ name, answer });
    });
  }

  async answer(name: string, answer: Answer): Promise<void> {
    const at = this.#waiting.findIndex((waiting) => waiting.name === name);
    this.#waiting.splice(at, 1)[0]?.answer(answer);
    await turnOfEventLoop();
  }
}

let clock: SimulatedClock;
let lookups: Lookups;
let closing: AbortController;
let book: NameBook;
beforeEach(() => {
  clock = new SimulatedClock();
  lookups = new Lookups();
  closing = new AbortController();
  const random = new SeededRandom(1);
  book = new NameBook({ clock, random, names: lookups, closing: closing.signal });
});

const { signal } = new AbortController();
const at = (address: string): HostAddress[] => [{ address, family: 4 }];
const refused = new Error('no such name');

/** The state of a promise, without waiting for it. */
function outcomeOf(promise: Promise<readonly HostAddress[]>): { text: string } {
  const outcome = { text: 'waits' };
  promise.then(
    (found) => (outcome.text = found.map(({ address }) => address).join(' ')),
    (error: unknown) => (outcome.text = String(error)),
  );
  return outcome;
}

async function known(name: string, address: string): Promise<void> {
  const found = book.addressesOf(name, signal);
  await lookups.answer(name, at(address));
  expect(await found).toEqual(at(address));
}

describe('an IP address', () => {
  it.each([
    ['10.0.0.1', 4],
    ['::1', 6],
    ['fe80::1%eth0', 6],
  ])('takes no look-up: %s', async (address, family) => {
    expect(await book.addressesOf(address, signal)).toEqual([{ address, family }]);
    expect(lookups.asked).toEqual([]);
  });
});

describe('a name', () => {
  it('is looked up once for all who wait, however it is written', async () => {
    const found = ['a', 'A', 'a'].map((name) => book.addressesOf(name, signal));
    await lookups.answer('a', at('10.0.0.1'));
    expect(await Promise.all(found)).toEqual([at('10.0.0.1'), at('10.0.0.1'), at('10.0.0.1')]);
    expect(lookups.asked).toEqual(['a']);
  });

  it('is remembered as long as connections are made', async () => {
    await known('a', '10.0.0.1');
    for (let minute = 0; minute < 10; minute += 1) {
      await clock.advance(59_000);
      expect(await book.addressesOf('a', signal)).toEqual(at('10.0.0.1'));
      book.worked('a');
    }
    expect(lookups.asked).toHaveLength(1);
  });

  it('is looked up again after a minute without a connection, and used meanwhile', async () => {
    await known('a', '10.0.0.1');
    await clock.advance(60_000);
    expect(await book.addressesOf('a', signal)).toEqual(at('10.0.0.1'));
    expect(lookups.asked).toHaveLength(2);
    await lookups.answer('a', at('10.0.0.2'));
    expect(await book.addressesOf('a', signal)).toEqual(at('10.0.0.2'));
  });

  it('is looked up again when a connection has failed, and tried at its old address meanwhile', async () => {
    await known('a', '10.0.0.1');
    book.worked('a');
    book.failed('a');
    book.failed('a');
    expect(lookups.asked).toHaveLength(2);
    expect(await book.addressesOf('a', signal)).toEqual(at('10.0.0.1'));
    await lookups.answer('a', refused);
    expect(await book.addressesOf('a', signal)).toEqual(at('10.0.0.1'));
  });

  it('notifies attempts to its old addresses when it has none of them any more', async () => {
    let moves = 0;
    await known('a', '10.0.0.1');
    const stop = book.onMoved('a', () => (moves += 1));
    const answers = [[...at('10.0.0.2'), ...at('10.0.0.1')], at('10.0.0.2'), at('10.0.0.3')];
    for (const answer of [...answers, at('10.0.0.4')]) {
      book.appeared('a');
      await lookups.answer('a', answer);
      if (answer === answers[2]) stop();
    }
    expect(moves).toBe(1);
  });

  it('is asked for by a machine that has forgotten it among many others', async () => {
    await known('a', '10.0.0.1');
    for (let id = 0; id < 256; id += 1) await known(`other-${id}`, '10.0.0.2');
    await known('a', '10.0.0.3');
  });
});

describe('a name that hangs', () => {
  it('holds up nobody who asks for another one', async () => {
    const dead = ['x', 'y'].map((name) => outcomeOf(book.addressesOf(name, signal)));
    await known('a', '10.0.0.1');
    expect(dead.map(({ text }) => text)).toEqual(['waits', 'waits']);
  });

  it('holds up an attempt for 2 s, and later ones not at all, while its look-up goes on', async () => {
    const first = outcomeOf(book.addressesOf('x', signal));
    await clock.advance(1999);
    expect(first.text).toBe('waits');
    await clock.advance(1);
    expect(first.text).toMatch(/'x' cannot be resolved: no answer within 2000 ms/);
    const second = outcomeOf(book.addressesOf('x', signal));
    await turnOfEventLoop();
    expect(second.text).toBe(first.text);
    expect(lookups.asked).toHaveLength(1);
    await lookups.answer('x', at('10.0.0.1'));
    expect(await book.addressesOf('x', signal)).toEqual(at('10.0.0.1'));
  });

  it('is given up after 15 s, and looked up again', async () => {
    outcomeOf(book.addressesOf('x', signal));
    await clock.advance(15_000);
    expect(lookups.ended).toEqual(['x']);
    await clock.advance(100);
    const found = book.addressesOf('x', signal);
    expect(lookups.asked).toHaveLength(2);
    await lookups.answer('x', at('10.0.0.9'));
    await lookups.answer('x', at('10.0.0.1'));
    expect(await found).toEqual(at('10.0.0.1'));
  });

  it('is given up with the signal of who waits, and with the transport', async () => {
    const ending = new AbortController();
    const waits = book.addressesOf('x', ending.signal);
    ending.abort(new Error('enough'));
    await expect(waits).rejects.toThrow('enough');
    expect(lookups.ended).toEqual([]);
    closing.abort(new Error('closed'));
    expect(lookups.ended).toEqual(['x']);
    await turnOfEventLoop();
    expect(clock.pendingCount).toBe(0);
    book.appeared('x');
    expect(lookups.asked).toEqual(['x']);
  });
});

describe('a name that fails', () => {
  const fail = async (): Promise<void> => {
    const outcome = outcomeOf(book.addressesOf('x', signal));
    await lookups.answer('x', refused);
    expect(outcome.text).toContain('no such name');
  };

  it('is looked up again at longer and longer intervals, 5 s at most', async () => {
    const pausesMs: number[] = [];
    let failedMs = 0;
    while (pausesMs.length < 12) {
      const before = lookups.asked.length;
      await fail();
      if (lookups.asked.length > before) {
        pausesMs.push(clock.monotonicMs() - failedMs);
        failedMs = clock.monotonicMs();
      }
      await clock.advance(10);
    }
    pausesMs.forEach((pauseMs, at) => {
      const fullMs = at === 0 ? 0 : Math.min(5000, 100 * 2 ** (at - 1));
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(fullMs + 10);
    });
  });

  it('is looked up at once when its member is back', async () => {
    for (let count = 0; count < 20; count += 1) {
      await fail();
      await clock.advance(6000);
    }
    await fail();
    book.appeared('x');
    expect(lookups.asked).toHaveLength(22);
    const found = book.addressesOf('x', signal);
    await lookups.answer('x', at('10.0.0.1'));
    expect(await found).toEqual(at('10.0.0.1'));
  });

  it('fails also where the look-up throws, or finds nothing', async () => {
    const odd = (lookUp: HostNames['lookUp']) =>
      new NameBook({ clock, random: new SeededRandom(1), names: { lookUp }, closing: signal });
    const throws = odd(() => {
      throw refused;
    });
    await expect(throws.addressesOf('x', signal)).rejects.toThrow('no such name');
    await clock.advance(100);
    await expect(throws.addressesOf('x', signal)).rejects.toThrow('no such name');
    await expect(odd(async () => []).addressesOf('x', signal)).rejects.toThrow('has no address');
  });
});
