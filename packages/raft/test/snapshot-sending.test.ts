/** Sending snapshots to other members: what is kept meanwhile, and what the core is told. */
import { emptyConfState, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogFields } from '../src/index.ts';
import type { SnapshotManager } from '../src/ports/index.ts';
import type { SnapshotPlace } from '../src/snapshots/recorded-snapshots.ts';
import type { SnapshotPauses } from '../src/snapshots/snapshot-pauses.ts';
import { SnapshotSending } from '../src/snapshots/snapshot-sending.ts';
import type { Waiter } from '../src/proposals/waiters.ts';
import { bytesOf } from './support.ts';

// A test fails early here, because these tests look for callers that wait for ever.
vi.setConfig({ testTimeout: 5000 });

interface Transfer {
  readonly to: bigint;
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal | undefined;
  readonly end: (error?: Error) => void;
}

let transfers: Transfer[];
let taken: Waiter<SnapshotPlace>[];
let told: string[];
let warnings: [message: string, fields: LogFields | undefined][];
let opened: number;
/** The offset from which the files were read, each time. */
let offsets: number[];
let isWhole: boolean;
let isReadable: boolean;
let verified: number;
let isHeld: ((message: Message, due: () => void) => boolean) | undefined;
let control: AbortController;
let sending: SnapshotSending;

const confState = { ...emptyConfState, voters: [1n, 2n, 3n, 4n] };

beforeEach(() => {
  [transfers, taken, told, offsets, opened, verified] = [[], [], [], [], 0, 0];
  warnings = [];
  [isWhole, isReadable, isHeld] = [true, true, undefined];
  control = new AbortController();
  const manager = {
    read: async ({ index, term }: SnapshotPlace) => {
      if (!isReadable) throw new Error('the files cannot be read');
      opened += 1;
      return {
        snapshot: { metadata: { index, term, confState } },
        [Symbol.asyncDispose]: async () => void (opened -= 1),
      };
    },
    send: async function* (_: SnapshotPlace, offset: number) {
      offsets.push(offset);
      if (!isReadable) throw new Error('the files cannot be read');
      yield bytesOf('chunk');
    },
    verify: async () => {
      verified += 1;
      return isWhole;
    },
  };
  sending = new SnapshotSending({
    manager: manager as unknown as SnapshotManager,
    transport: {
      sendSnapshot: ({ to }: Message, open: Transfer['open'], signal?: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
          transfers.push({ to, open, signal, end });
        }),
    } as never,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (message, fields) => void warnings.push([message, fields]),
      error: () => undefined,
    },
    tell: (event) => {
      if (event.type === 'snapshot-sent') told.push(`${event.to} ${event.arrived}`);
    },
    signal: control.signal,
    take: (waiter) => void taken.push(waiter),
    pauses: {
      holds: (message: Message, due: () => void) => isHeld?.(message, due) ?? false,
      arrived: ({ to }: Message) => told.push(`${to} has it`),
      failed: ({ to }: Message) => told.push(`${to} pauses`),
    } as unknown as SnapshotPauses,
  });
});

const messageTo = (to: bigint, index = 10): Message =>
  newMessage({
    type: MessageType.Snap,
    to,
    snapshot: { metadata: { index, term: 1, confState } },
  });

/** Sends, and notes what the core is told. */
function send(to: bigint, index = 10): { reports: boolean[]; ended: Promise<void> } {
  const reports: boolean[] = [];
  return { reports, ended: sending.send(messageTo(to, index), (sent) => void reports.push(sent)) };
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

const held = (): readonly number[] => sending.indexes.toSorted((a, b) => a - b);

describe('the log of a snapshot that is sent', () => {
  it('is held from the call on, until the last of its sends has ended', async () => {
    const sends = [send(2n), send(3n), send(4n)];
    expect(held()).toEqual([10, 10, 10]);
    await turn();
    expect(opened).toBe(3);
    transfers[0]?.end();
    await sends[0]?.ended;
    expect(held()).toEqual([10, 10]);
    transfers[2]?.end(new Error('unreachable'));
    await sends[2]?.ended;
    expect([held(), opened]).toEqual([[10], 1]);
    transfers[1]?.end();
    await sends[1]?.ended;
    expect([held(), opened]).toEqual([[], 0]);
    expect(sends.map(({ reports }) => reports)).toEqual([[true], [true], [false]]);
  });

  it('of another index stays held when a send ends', async () => {
    const first = send(2n, 10);
    const second = send(3n, 20);
    const third = send(4n, 10);
    await turn();
    transfers[1]?.end();
    await second.ended;
    expect(held()).toEqual([10, 10]);
    transfers[2]?.end();
    await third.ended;
    expect(held()).toEqual([10]);
    transfers[0]?.end();
    await first.ended;
    expect(held()).toEqual([]);
  });

  it('is given back where the snapshot cannot be opened', async () => {
    isReadable = false;
    const { reports, ended } = send(2n);
    await ended;
    expect([held(), reports, transfers.length]).toEqual([[], [false], 0]);
  });
});

describe('the core is told once', () => {
  it('that a snapshot arrived', async () => {
    const { reports, ended } = send(2n);
    await turn();
    transfers[0]?.end();
    await ended;
    expect([reports, told]).toEqual([[true], ['2 has it', '2 true']]);
  });

  it('that it failed, and the member pauses', async () => {
    const { reports, ended } = send(2n);
    await turn();
    transfers[0]?.end(new Error('refused'));
    await ended;
    expect([reports, told, taken]).toEqual([[false], ['2 pauses', '2 false'], []]);
  });

  it('that it failed, and its files are not read again where they could be read', async () => {
    isWhole = false;
    const { reports, ended } = send(2n);
    await turn();
    transfers[0]?.end(new Error('refused'));
    await ended;
    expect([reports, verified, taken]).toEqual([[false], 0, []]);
  });

  it('nothing where its message has no snapshot', async () => {
    const reports: boolean[] = [];
    const message = newMessage({ type: MessageType.Snap, to: 2n });
    await sending.send(message, (sent) => void reports.push(sent));
    expect([reports, told, taken, transfers]).toEqual([[], [], [], []]);
  });

  it('that the pause before it is over', async () => {
    let due = (): void => undefined;
    isHeld = (_, call) => {
      due = call;
      return true;
    };
    const { reports, ended } = send(2n);
    await ended;
    expect([reports, held(), transfers.length]).toEqual([[], [], 0]);
    due();
    expect(reports).toEqual([false]);
  });

  it.each([
    ['was made', (waiter: Waiter<SnapshotPlace>) => waiter.resolve({ index: 20, term: 1 }), []],
    ['failed', (waiter: Waiter<SnapshotPlace>) => waiter.reject(new Error('full')), ['9 pauses']],
  ])('that a newer one for a member that joined since %s', async (_, end, pauses) => {
    const { reports, ended } = send(9n);
    await ended;
    expect([transfers.length, taken.length, reports, held()]).toEqual([0, 1, [], []]);
    taken.forEach(end);
    expect([reports, told]).toEqual([[false], pauses]);
  });
});

describe('a snapshot that cannot be read while it is sent', () => {
  /** A transfer that fails in the middle of reading. */
  async function readAndFail(): Promise<ReturnType<typeof send>> {
    const sent = send(2n);
    await turn();
    isReadable = false;
    const [transfer] = transfers;
    const read = async (): Promise<void> => {
      for await (const chunk of transfer?.open(0) ?? []) void chunk;
    };
    await read().catch((error: Error) => transfer?.end(error));
    await turn();
    return sent;
  }

  it('is replaced where it is damaged, and the core asks again without a pause', async () => {
    isWhole = false;
    const { reports, ended } = await readAndFail();
    expect([taken.length, reports]).toEqual([1, []]);
    taken[0]?.resolve({ index: 20, term: 1 });
    await ended;
    expect([reports, told]).toEqual([[false], ['2 false']]);
  });

  it('is not replaced where it is whole', async () => {
    const { reports, ended } = await readAndFail();
    await ended;
    expect([reports, taken, told]).toEqual([[false], [], ['2 pauses', '2 false']]);
  });

  it('is held until another one is made', async () => {
    isWhole = false;
    const { reports, ended } = await readAndFail();
    expect(held()).toEqual([10]);
    taken[0]?.reject(new Error('full'));
    await ended;
    expect([held(), reports]).toEqual([[], [false]]);
  });

  it('and cannot be replaced either is reported in the log of the node', async () => {
    isWhole = false;
    const { ended } = await readAndFail();
    const error = new Error('full');
    taken[0]?.reject(error);
    await ended;
    expect(warnings.slice(1)).toEqual([
      ['a damaged snapshot was not replaced', { index: 10, error }],
    ]);
    expect(told).toEqual(['2 pauses', '2 false']);
  });

  it('is not replaced while the node ends', async () => {
    isWhole = false;
    control.abort();
    const { ended } = await readAndFail();
    await ended;
    expect(taken).toEqual([]);
  });
});

it('a send ends with the node', async () => {
  void send(2n);
  await turn();
  expect(transfers[0]?.signal?.aborted).toBe(false);
  control.abort();
  expect(transfers[0]?.signal?.aborted).toBe(true);
});

it('a transfer that goes on where it was interrupted reads from there', async () => {
  const { ended } = send(2n);
  await turn();
  for (const offset of [0, 7, 4096]) for await (const _ of transfers[0]?.open(offset) ?? []);
  transfers[0]?.end();
  await ended;
  expect(offsets).toEqual([0, 7, 4096]);
});
