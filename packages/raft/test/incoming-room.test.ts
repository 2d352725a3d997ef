/** The bound on received entries that are not durable, from which on the transport must wait. */
import { EntryType, MessageType, newMessage, type Message } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { IncomingRoom, incomingBytesMaxOf } from '../src/incoming/incoming-room.ts';

/** A message that counts with this many bytes. */
function appendOf(bytes: number): Message {
  const entry = { type: EntryType.Normal, term: 1, index: 1, data: new Uint8Array(bytes - 200) };
  return newMessage({ type: MessageType.App, from: 2n, to: 1n, entries: [entry] });
}

const isOver = async (promise: Promise<void> | undefined): Promise<boolean> =>
  Promise.race([promise?.then(() => true) ?? true, Promise.resolve().then(() => false)]);

describe('the bound on entries of other members', () => {
  it.each([
    [999, false],
    [1000, false],
    [1001, true],
  ])('of 1,000 bytes, with %i bytes that are not durable: it waits: %s', (bytes, waits) => {
    const room = new IncomingRoom(1000);
    room.given(appendOf(bytes));
    room.submitted();
    expect(room.room !== undefined).toBe(waits);
  });

  it('admits all waiting senders when enough is durable', async () => {
    const room = new IncomingRoom(1000);
    room.given(appendOf(600));
    const first = room.submitted();
    room.given(appendOf(600));
    const second = room.submitted();
    room.given(appendOf(600));
    room.submitted();
    const [one, other] = [room.room, room.room];
    expect(one).toBe(other);
    room.saved(first, false);
    expect(await isOver(one)).toBe(false);
    room.saved(second, false);
    expect(await isOver(one)).toBe(true);
    expect(room.room).toBeUndefined();
  });

  it('does not wait for what led to no save: the core has refused it', () => {
    const room = new IncomingRoom(1000);
    room.given(appendOf(5000));
    expect(room.room).toBeUndefined();
    const mark = room.submitted();
    expect(room.room).toBeDefined();
    room.given(appendOf(5000));
    room.saved(mark, true);
    expect(room.room).toBeUndefined();
  });

  it('releases all waiting senders when the node stops', async () => {
    const room = new IncomingRoom(1000);
    room.given(appendOf(5000));
    room.submitted();
    const waiting = room.room;
    room.stop();
    expect(await isOver(waiting)).toBe(true);
    expect(room.room).toBeUndefined();
  });

  it('holds everything that two leaders have in flight', () => {
    const mebibyte = 1024 * 1024;
    expect(incomingBytesMaxOf(mebibyte)).toBe(64 * mebibyte);
    expect(incomingBytesMaxOf(33 * mebibyte)).toBe(66 * mebibyte);
    expect(incomingBytesMaxOf(Infinity)).toBe(256 * mebibyte);
  });
});
