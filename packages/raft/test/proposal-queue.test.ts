/** The queue of proposals before the core: which go together, and what each caller is told. */
import { ProposalDroppedError, StateType } from '@babuza/raft-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { entryOverheadBytes } from '../src/proposals/envelope.ts';
import { BusyError } from '../src/errors.ts';
import { ProposalQueue } from '../src/proposals/proposal-queue.ts';

let raftState: StateType;
/** The number of proposals in each call of the core. */
let given: number[];
let handed: number[];
/** How many proposals the core takes; the rest would exceed the limit of uncommitted bytes. */
let room: number;
let give: () => void;
let log: string[];
let wakes: number;
let queue: ProposalQueue;

const batchBytesMax = 1000;

beforeEach(() => {
  [raftState, given, handed, room, log, wakes] = [StateType.Leader, [], [], Infinity, [], 0];
  give = () => undefined;
  queue = new ProposalQueue({
    batchBytesMax,
    give: (call) => {
      give();
      return call({
        basicStatus: () => ({ raftState }),
        proposeAll: (data: readonly Uint8Array[]) => {
          if (data.length > room) {
            const cause = new ProposalDroppedError('uncommitted-limit');
            throw new BusyError('too much is proposed and not committed yet', cause);
          }
          room -= data.length;
          given.push(data.length);
          return { index: 10 * given.length, term: 3 };
        },
        propose: (data: Uint8Array) => void handed.push(data.length),
      } as never);
    },
    notLeader: () => new Error('not the leader'),
    wake: () => void (wakes += 1),
  });
});

function add(name: string, bytes = 1, requestNumber?: number): () => void {
  const request = requestNumber === undefined ? undefined : { nodeId: 1n, number: requestNumber };
  return queue.add({
    data: new Uint8Array(bytes),
    request,
    placed: ({ index, term }) => {
      log.push(`${name} at ${index} of ${term}`);
      return () => void log.push(`${name} left`);
    },
    forwarded: ({ number }) => {
      log.push(`${name} handed on as ${number}`);
      return () => void log.push(`${name} left`);
    },
    refused: (error) => void log.push(`${name} ${(error as Error).message.slice(0, 8)}`),
  });
}

describe('a batch', () => {
  it.each([
    ['below', 299, [2]],
    ['at', 300, [2]],
    ['above', 301, [1, 1]],
  ])('has at most its bytes, what entries add included: %s', (_, bytes, expected) => {
    add('first', 700 - 2 * entryOverheadBytes);
    add('second', bytes);
    queue.flush();
    expect(given).toEqual(expected);
  });

  it('begins with no bytes each time', () => {
    for (let round = 0; round < 20; round += 1) {
      add('first', 100);
      add('second', 100);
      queue.flush();
    }
    expect(given).toEqual(Array.from({ length: 20 }, () => 2));
  });

  it('has room for exactly its bytes each time', () => {
    for (let round = 0; round < 3; round += 1) {
      add('first', 700 - 2 * entryOverheadBytes);
      add('second', 300);
      queue.flush();
    }
    expect(given).toEqual([2, 2, 2]);
  });

  it('of two of which one fits is taken as far as it may be', () => {
    room = 1;
    for (const name of ['a', 'b']) add(name);
    queue.flush();
    expect(log).toEqual(['a at 10 of 3', 'b too much']);
  });

  it('of one proposal may be larger than all of it', () => {
    add('first', batchBytesMax);
    add('second', 1);
    queue.flush();
    expect(given).toEqual([1, 1]);
  });

  it('has its indexes in the order of the calls, and each call asks for a turn', () => {
    for (const name of ['a', 'b', 'c']) add(name);
    expect([wakes, queue.length]).toEqual([3, 3]);
    queue.flush();
    expect(log).toEqual(['a at 10 of 3', 'b at 11 of 3', 'c at 12 of 3']);
    expect(queue.length).toBe(0);
  });

  it('that may not be uncommitted as a whole is taken as far as it may be', () => {
    room = 2;
    for (const name of ['a', 'b', 'c', 'd']) add(name);
    queue.flush();
    expect(log).toEqual(['a at 10 of 3', 'b at 20 of 3', 'c too much', 'd too much']);
  });

  it.each([1, 3])('of %i that is refused is told to each of its callers', (count) => {
    give = () => {
      throw new Error('transfer of leadership');
    };
    for (let at = 0; at < count; at += 1) add(`${at}`);
    queue.flush();
    expect(log).toEqual(Array.from({ length: count }, (_, at) => `${at} transfer`));
  });

  it('of which a part was refused leaves nothing behind', () => {
    room = 0;
    add('a');
    queue.flush();
    queue.flush();
    expect(given).toEqual([]);
    room = 1;
    add('b');
    queue.flush();
    expect(log).toEqual(['a too much', 'b at 10 of 3']);
  });
});

describe('proposals of a node that does not lead', () => {
  it('are forwarded one by one when they have a number, and refused when they have none', () => {
    raftState = StateType.Follower;
    add('a', 1, 7);
    add('b', 1);
    add('c', 2, 8);
    queue.flush();
    expect([log, handed, given]).toEqual([
      ['a handed on as 7', 'b not the ', 'c handed on as 8'],
      [1, 2],
      [],
    ]);
  });

  it('are refused one by one when they cannot be forwarded', () => {
    raftState = StateType.Follower;
    let calls = 0;
    give = () => {
      calls += 1;
      // The first call asks which node leads, and the second one forwards the first proposal.
      if (calls === 2) throw new Error('no leader is known');
    };
    add('a', 1, 7);
    add('b', 1, 8);
    queue.flush();
    expect(log).toEqual(['a no leade', 'b handed on as 8']);
  });
});

describe('a caller that leaves', () => {
  it.each([StateType.Leader, StateType.Follower])(
    'is waited for no more, before the turn and after it (state %i)',
    (role) => {
      raftState = role;
      const leaveEarly = add('early', 1, 1);
      const leaveLate = add('late', 1, 2);
      leaveEarly();
      queue.flush();
      leaveLate();
      expect(log.filter((line) => line.endsWith('left'))).toEqual(['early left', 'late left']);
      expect([...given, ...handed].reduce((all, count) => all + count)).toBe(2);
    },
  );

  it('before a refusal is no error', () => {
    add('a')();
    queue.refuseAll(new Error('the end'));
    expect(log).toEqual(['a the end']);
  });
});

describe('the end', () => {
  it('is told to all that have not reached the core, once', () => {
    add('a');
    add('b');
    queue.refuseAll(new Error('the end'));
    queue.refuseAll(new Error('the end'));
    queue.flush();
    expect([log, given, queue.length]).toEqual([['a the end', 'b the end'], [], 0]);
  });
});
