/** Callers who wait: what ends their waiting, and whom else it must not touch. */
import { getEventListeners } from 'node:events';
import { turnOfEventLoop } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { watchAbort } from '../src/support/abort-watchers.ts';
import {
  IndexWaiters,
  ProposalWaiters,
  unlessAborted,
  untilAborted,
  waiting,
  type Waiter,
} from '../src/proposals/waiters.ts';
import { soon } from './soon.ts';

/** A waiter that notes how it ends. */
function noted(ends: string[], name: string): Waiter<string> {
  return {
    resolve: (value) => void ends.push(`${name} ${value}`),
    reject: (error) => void ends.push(`${name} ${String(Reflect.get(Object(error), 'code'))}`),
  };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe('callers who wait for the entry of an index and a term', () => {
  it('are told that it was dropped when another proposal takes the index', () => {
    const ends: string[] = [];
    const waiters = new ProposalWaiters<string>();
    const leaveFirst = waiters.place(5, 2, noted(ends, 'first'));
    waiters.place(5, 4, noted(ends, 'second'));
    expect([ends, waiters.count]).toEqual([['first RAFT_DROPPED'], 1]);
    // A caller that leaves now takes nothing along.
    leaveFirst();
    expect(waiters.count).toBe(1);
    waiters.take(5, 4)?.resolve('applied');
    leaveFirst();
    expect([ends.at(-1), waiters.count]).toEqual(['second applied', 0]);
  });

  it('are not kept when they leave before their entry is reached', () => {
    const ends: string[] = [];
    const waiters = new ProposalWaiters<string>();
    const leave = waiters.place(5, 2, noted(ends, 'first'));
    leave();
    expect([waiters.count, waiters.take(5, 2), ends]).toEqual([0, undefined, []]);
  });

  it('are told when an entry of a newer term is reached before theirs', () => {
    const ends: string[] = [];
    const waiters = new ProposalWaiters<string>();
    for (const [index, term] of [
      [7, 2],
      [8, 2],
      [9, 3],
    ] as const) {
      waiters.place(index, term, noted(ends, `${index}`));
    }
    expect(waiters.take(6, 3)).toBeUndefined();
    expect([ends, waiters.count]).toEqual([['7 RAFT_DROPPED', '8 RAFT_DROPPED'], 1]);
    waiters.take(9, 3)?.resolve('applied');
    expect(ends.at(-1)).toBe('9 applied');
  });

  it('go on to wait where the entry of another one is reached, by its caller or another', () => {
    const waiters = new ProposalWaiters<string>();
    for (const index of [7, 8, 9]) waiters.place(index, 2, noted([], `${index}`));
    expect([waiters.take(7, 2), waiters.count]).toEqual([expect.anything(), 2]);
    expect([waiters.take(6, 2), waiters.count]).toEqual([undefined, 2]);
    expect(waiters.take(9, 2)).toBeDefined();
    expect(waiters.take(8, 2)).toBeDefined();
  });

  it('are not answered by the entry of another term at their index', () => {
    const ends: string[] = [];
    const waiters = new ProposalWaiters<string>();
    waiters.place(7, 5, noted(ends, '7'));
    expect(waiters.take(7, 4)).toBeUndefined();
    expect([ends, waiters.count]).toEqual([['7 RAFT_DROPPED'], 0]);
  });

  it('are told by an installed snapshot up to its index, that index included', () => {
    const ends: string[] = [];
    const waiters = new ProposalWaiters<string>();
    for (const index of [9, 10, 11]) waiters.place(index, 2, noted(ends, `${index}`));
    waiters.skipTo(10);
    expect(ends).toEqual(['9 RAFT_OUTCOME_UNKNOWN', '10 RAFT_OUTCOME_UNKNOWN']);
    waiters.take(11, 2)?.resolve('applied');
    expect(ends.at(-1)).toBe('11 applied');
  });

  it('and those whose proposal was forwarded are all told of the end', () => {
    const ends: string[] = [];
    const waiters = new ProposalWaiters<string>();
    waiters.place(9, 2, noted(ends, 'placed'));
    waiters.placeRequest({ nodeId: 1n, number: 3 }, noted(ends, 'forwarded'));
    waiters.rejectAll((index) => Object.assign(new Error('end'), { code: `${index}` }));
    expect([ends, waiters.count]).toEqual([['placed 9', 'forwarded undefined'], 0]);
  });

  it('get the answer to a forwarded proposal once', () => {
    const waiters = new ProposalWaiters<string>();
    const waiter = noted([], 'forwarded');
    waiters.placeRequest({ nodeId: 1n, number: 3 }, waiter);
    expect(waiters.takeRequest({ nodeId: 1n, number: 4 })).toBeUndefined();
    expect(waiters.takeRequest({ nodeId: 1n, number: 3 })).toBe(waiter);
    expect(waiters.takeRequest({ nodeId: 1n, number: 3 })).toBeUndefined();
  });
});

describe('callers who wait until an index is applied', () => {
  it('wait for that index, and not for one behind it', async () => {
    let appliedIndex = 4;
    const waiters = new IndexWaiters(() => appliedIndex);
    await soon(waiters.wait(4, undefined));
    const ends: number[] = [];
    for (const index of [6, 5]) void waiters.wait(index, undefined).then(() => ends.push(index));
    waiters.applied();
    await turns();
    expect(ends).toEqual([]);
    appliedIndex = 5;
    waiters.applied();
    await turns();
    expect(ends).toEqual([5]);
  });

  it('and have left are neither looked at nor kept', async () => {
    let looks = 0;
    const waiters = new IndexWaiters(() => {
      looks += 1;
      return 0;
    });
    const control = new AbortController();
    const waits = waiters.wait(5, control.signal);
    control.abort(new Error('enough'));
    await expect(soon(waits)).rejects.toThrow('enough');
    looks = 0;
    waiters.applied();
    expect(looks).toBe(0);
  });

  it('are told of the end', async () => {
    const waiters = new IndexWaiters(() => 0);
    const waits = waiters.wait(1, undefined);
    waiters.stop(new Error('the end'));
    await expect(soon(waits)).rejects.toThrow('the end');
  });
});

describe('a wait', () => {
  it('that is answered and aborted in one turn has the first of both, and tidies up once', async () => {
    for (const [first, expected] of [
      ['answer', 'answered'],
      ['abort', 'enough'],
    ] as const) {
      const control = new AbortController();
      let tidied = 0;
      const waits = waiting<string>(control.signal, ({ resolve }) => {
        queueMicrotask(() => {
          if (first === 'answer') resolve('answered');
          control.abort(new Error('enough'));
          resolve('answered');
        });
        return () => void (tidied += 1);
      });
      const end = await soon(waits).catch((error: Error) => error.message);
      expect([end, tidied]).toEqual([expected, 1]);
      expect(getEventListeners(control.signal, 'abort')).toHaveLength(0);
    }
  });

  it('whose beginning throws leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const begin = (): never => {
      throw new Error('it cannot begin');
    };
    await expect(soon(waiting(signal, begin))).rejects.toThrow('it cannot begin');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('with a signal that has fired does not begin', async () => {
    let begun = 0;
    const begin = (): undefined => void (begun += 1);
    await expect(waiting(AbortSignal.abort(new Error('enough')), begin)).rejects.toThrow('enough');
    expect(begun).toBe(0);
  });

  it('ends with what it waits for where the signal does not fire', async () => {
    const { signal } = new AbortController();
    const one = soon(unlessAborted(Promise.resolve(1), signal));
    await expect(one).resolves.toBe(1);
    const none = soon(unlessAborted(Promise.reject(new Error('no')), signal));
    await expect(none).rejects.toThrow('no');
    await expect(soon(unlessAborted(Promise.resolve(2), undefined))).resolves.toBe(2);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('those who watch a signal', () => {
  it('all hear of it where the first of them has left', () => {
    const control = new AbortController();
    const heard: string[] = [];
    const leave = watchAbort(control.signal, () => heard.push('first'));
    watchAbort(control.signal, () => heard.push('second'));
    watchAbort(control.signal, () => heard.push('third'));
    leave();
    leave();
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(1);
    control.abort();
    expect(heard).toEqual(['second', 'third']);
  });

  it('and leave twice take nothing from those who came since', () => {
    const control = new AbortController();
    let heard = 0;
    const leave = watchAbort(control.signal, () => undefined);
    leave();
    const leaveLater = watchAbort(control.signal, () => void (heard += 1));
    leave();
    watchAbort(control.signal, () => void (heard += 1));
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(1);
    control.abort();
    expect(heard).toBe(2);
    leaveLater();
  });
});

describe('items until a signal fires', () => {
  it('end where their source hangs, and the source is told', async () => {
    const control = new AbortController();
    let isTold = false;
    const source: AsyncGenerator<number, void, void> = {
      next: () => new Promise(() => undefined),
      return: () => {
        isTold = true;
        return new Promise(() => undefined);
      },
    } as never;
    const next = untilAborted(source, control.signal).next();
    control.abort(new Error('enough'));
    await expect(soon(next)).rejects.toThrow('enough');
    expect(isTold).toBe(true);
  });

  it('end with the reason of the signal also where their source cannot be ended', async () => {
    const control = new AbortController();
    const source = {
      next: () => new Promise(() => undefined),
      return: () => Promise.reject(new Error('it cannot be closed')),
    };
    const next = untilAborted(source as never, control.signal).next();
    control.abort(new Error('enough'));
    await expect(soon(next)).rejects.toThrow('enough');
    // A rejection that nobody handles would be reported by now.
    await turnOfEventLoop();
  });

  it('are all there where it does not, and who stops reading waits for the end of the source', async () => {
    let isClosed = false;
    async function* numbers(): AsyncGenerator<number, void, void> {
      try {
        yield* [1, 2, 3];
      } finally {
        await turns();
        isClosed = true;
      }
    }
    const seen: number[] = [];
    const read = async (signal: AbortSignal | undefined): Promise<void> => {
      for await (const item of untilAborted(numbers(), signal)) {
        seen.push(item);
        if (item === 2) break;
      }
    };
    await soon(read(new AbortController().signal));
    expect([seen, isClosed]).toEqual([[1, 2], true]);
    isClosed = false;
    await soon(read(undefined));
    expect([seen, isClosed]).toEqual([[1, 2, 1, 2], true]);
  });
});
