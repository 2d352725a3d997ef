/** The cache of names: how long and how many hosts are kept, and what ends a pause. */
import { SeededRandom, SimulatedClock, turnOfEventLoop } from '@babuza/testkit';
import type { HostAddress } from '@babuza/vfs';
import { beforeEach, expect, it } from 'vitest';
import { NameBook } from '../../src/connections/name-book.ts';

type Answer = readonly HostAddress[] | Error;

const hostsMax = 256;
const { signal } = new AbortController();
const at = (address: string): HostAddress[] => [{ address, family: 4 }];

let clock: SimulatedClock;
let asked: string[];
/** The immediate results of lookups; a lookup without one hangs. */
let answers: Map<string, Answer>;
let book: NameBook;
beforeEach(() => {
  clock = new SimulatedClock();
  asked = [];
  answers = new Map();
  const lookUp = async (name: string): Promise<readonly HostAddress[]> => {
    asked.push(name);
    const answer = answers.get(name);
    if (answer instanceof Error) throw answer;
    return answer ?? new Promise(() => undefined);
  };
  const random = new SeededRandom(1);
  book = new NameBook({ clock, random, names: { lookUp }, closing: signal });
});

async function know(host: string, address: string): Promise<void> {
  answers.set(host, at(address));
  expect(await book.addressesOf(host, signal)).toEqual(at(address));
}

/** This many lookups in a row without a connection make the next pause 5 s. */
async function lookUpInVain(host: string, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    book.failed(host);
    await clock.advance(5000);
  }
}

/** The number of lookups after a failed connection, and after another one 100 ms later. */
async function lookUpsOfTwoFailures(host: string): Promise<number[]> {
  const before = asked.length;
  book.failed(host);
  await turnOfEventLoop();
  const first = asked.length - before;
  await clock.advance(100);
  book.failed(host);
  await turnOfEventLoop();
  return [first, asked.length - before];
}

it('a connection that was made ends the rest of a name, and the length of its rests', async () => {
  await know('a', '10.0.0.1');
  await lookUpInVain('a', 10);
  book.failed('a');
  await turnOfEventLoop();
  book.worked('a');
  expect(await lookUpsOfTwoFailures('a')).toEqual([1, 2]);
});

it('a member that is back ends the rest of its name, and the length of its rests', async () => {
  answers.set('a', new Error('no such name'));
  await expect(book.addressesOf('a', signal)).rejects.toThrow('no such name');
  await lookUpInVain('a', 10);
  book.appeared('a');
  await turnOfEventLoop();
  const before = asked.length;
  await clock.advance(100);
  book.failed('a');
  await turnOfEventLoop();
  expect(asked.length - before).toBe(1);
});

it('a name is the same in capitals, whatever is said about it', async () => {
  await know('a', '10.0.0.1');
  let moves = 0;
  book.onMoved('A', () => (moves += 1));
  book.worked('A');
  book.failed('A');
  expect(asked).toHaveLength(2);
  await turnOfEventLoop();
  answers.set('a', at('10.0.0.2'));
  book.appeared('A');
  await turnOfEventLoop();
  expect([asked.length, moves]).toEqual([3, 1]);
});

it('the host that was used least recently is forgotten, and only when there are 257', async () => {
  for (let id = 1; id <= hostsMax; id += 1) await know(`host-${id}`, '10.0.0.1');
  expect(asked).toHaveLength(hostsMax);
  // The first one is used again, so that the second one is the oldest.
  await know('host-1', '10.0.0.1');
  expect(asked).toHaveLength(hostsMax);
  await know('one-more', '10.0.0.1');
  await know('host-1', '10.0.0.1');
  await know('host-3', '10.0.0.1');
  expect(asked).toHaveLength(hostsMax + 1);
  await know('host-2', '10.0.0.1');
  expect(asked.slice(hostsMax)).toEqual(['one-more', 'host-2']);
});

it('an address is looked up again a minute after it was found, each time', async () => {
  await clock.advance(200_000);
  await know('a', '10.0.0.1');
  for (let lookUps = 1; lookUps < 4; lookUps += 1) {
    await clock.advance(59_999);
    await know('a', '10.0.0.1');
    expect(asked).toHaveLength(lookUps);
    await clock.advance(1);
    await know('a', '10.0.0.1');
    expect(asked).toHaveLength(lookUps + 1);
  }
});

it('the last of several failures is reported, and a look-up that hangs hides none of them', async () => {
  for (const why of ['the first reason', 'the second reason']) {
    answers.set('a', new Error(why));
    await expect(book.addressesOf('a', signal)).rejects.toThrow(why);
    await clock.advance(5000);
  }
  answers.delete('a');
  const hanging = expect(book.addressesOf('a', signal)).rejects.toThrow('the second reason');
  await clock.advance(15_000);
  await hanging;
  await expect(book.addressesOf('a', signal)).rejects.toThrow('the second reason');
});

it('a host whose address is found for the first time has not moved', async () => {
  let moves = 0;
  answers.set('a', at('10.0.0.1'));
  const found = book.addressesOf('a', signal);
  book.onMoved('a', () => (moves += 1));
  await found;
  expect(moves).toBe(0);
  answers.set('a', at('10.0.0.2'));
  book.appeared('a');
  await turnOfEventLoop();
  expect(moves).toBe(1);
});
