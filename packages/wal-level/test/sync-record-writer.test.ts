/** The writer of the sync record by itself: a slow write, and numbers that come after the close. */
import { beforeEach, expect, it } from 'vitest';
import { SyncRecordWriter, type SyncRecords } from '../src/sync-record.ts';

interface Write {
  readonly batch: number;
  readonly durable: boolean;
  readonly end: () => void;
}

let timers: (() => void)[];
let writes: Write[];
let writer: SyncRecordWriter;

beforeEach(() => {
  [timers, writes] = [[], []];
  const clock = {
    startTimer: (_: number, onTime: () => void) => {
      timers.push(onTime);
      return { cancel: () => void timers.splice(timers.indexOf(onTime), 1) };
    },
  };
  const syncRecords: Partial<SyncRecords> = {
    write: (_, batch, durable) => new Promise((end) => void writes.push({ batch, durable, end })),
  };
  writer = new SyncRecordWriter(syncRecords as SyncRecords, clock as never, 1n);
});

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

/** Lets the time of the next timer come. */
async function fire(): Promise<void> {
  timers.shift()?.();
  await turns();
}

it('a number that was written during a slow write is not written a second time', async () => {
  writer.note(1);
  await fire();
  for (const batch of [2, 3]) {
    writer.note(batch);
    await fire();
  }
  writes[0]?.end();
  await turns();
  writes[1]?.end();
  await turns();
  expect(writes.map(({ batch }) => batch)).toEqual([1, 3]);
});

it('a number that comes after the close starts no timer and is not written', async () => {
  writer.note(1);
  const closing = writer.close();
  await turns();
  writes[0]?.end();
  await closing;
  writer.note(2);
  expect(timers).toEqual([]);
  expect(writes.map(({ batch, durable }) => [batch, durable])).toEqual([[1, true]]);
});
