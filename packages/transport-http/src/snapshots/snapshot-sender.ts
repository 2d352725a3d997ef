/**
 * Sends a snapshot: asks how much of it is there already, sends the rest in frames, and waits until
 * the receiver has made it durable. When the connection breaks it goes on where the receiver has
 * ended, as long as that gets further.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { pause, unlessAborted } from '@babuza/vfs';
import { encodeMessage, type Message } from '@babuza/raftpb';
import { printable } from '../access/printable.ts';
import { answerOf, ask, refused, textOf, type Answer } from '../connections/client.ts';
import { TransportError } from '../errors.ts';
import { emptyFrame, frameHead } from '../messages/frames.ts';
import type { HttpSettings } from '../options.ts';
import type { Pacer } from './pacer.ts';
import { routeTo, type Target } from '../connections/route.ts';
import { fateOf } from './snapshot-outcome.ts';
import { paths, type Wire } from '../wire.ts';

export const offsetHeader = 'babuza-offset';

export interface SnapshotSending {
  readonly wire: Wire;
  readonly pacer: Pacer;
  /** Where the receiver is now; it may move between two attempts. */
  readonly target: () => Target;
  readonly message: Message;
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Attempts that got no further than the one before until it is given up. */
const vainAttemptsMax = 5;
const pauseMs = 200;
/** Larger chunks are divided; the contract allows 3 MiB. */
const chunkBytesMax = 1024 * 1024;
/** At the rate that is allowed; several snapshots share it. */
const piecesPerStall = 20;

/** What the stream of the sender itself threw: no other attempt would help. */
class SourceFailure extends Error {}

export async function sendSnapshot(sending: SnapshotSending): Promise<void> {
  const { wire, signal } = sending;
  let furthest = -Infinity;
  for (let vain = 1; ; vain += 1) {
    try {
      const offset = await receivedBytes(sending);
      if (offset > furthest) vain = 1;
      furthest = Math.max(furthest, offset);
      await sendFrom(sending, offset);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SourceFailure) throw error.cause;
      if (!isWorthAnother(error) || vain >= vainAttemptsMax) throw error;
      wire.logger?.debug('a snapshot goes on later', { to: sending.message.to, error });
      await pause(wire.clock, pauseMs * 2 ** (vain - 1), signal);
    }
  }
}

function isWorthAnother(error: unknown): boolean {
  const code = error instanceof TransportError ? error.code : undefined;
  return code === 'TRANSPORT_BROKEN' || code === 'TRANSPORT_UNREACHABLE';
}

async function receivedBytes({ wire, target, message, signal }: SnapshotSending): Promise<number> {
  const there = await routeTo(wire, target(), signal);
  const request = ask(wire, there, { method: 'POST', path: paths.snapshotReceived, signal });
  const bytes = encodeMessage(message);
  request.end(Buffer.concat([frameHead(bytes), bytes]));
  const { response } = await unlessAborted(signal, answerOf(wire, there, request));
  const text = await unlessAborted(signal, textOf(wire, response));
  const received = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (received !== undefined) return received;
  throw new TransportError('TRANSPORT_PROTOCOL', `member ${there.id} does not say how much it has`);
}

async function sendFrom(sending: SnapshotSending, offset: number): Promise<void> {
  const { wire, target, message } = sending;
  const there = await routeTo(wire, target(), sending.signal);
  if (offset > 0) wire.countersOf(there.id).continuedSnapshots += 1;
  // One attempt: both directions end together.
  const ending = new AbortController();
  const signal = AbortSignal.any([sending.signal, ending.signal]);
  const headers = { [offsetHeader]: String(offset), 'Content-Type': 'application/octet-stream' };
  const request = ask(wire, there, { method: 'POST', path: paths.snapshot, headers, signal });
  try {
    const answer = answerOf(wire, there, request);
    const bytes = encodeMessage(message);
    request.write(Buffer.concat([frameHead(bytes), bytes]));
    const { response } = await unlessAborted(signal, answer);
    await exchange(sending, { request, response, ending }, there, offset, signal);
  } finally {
    ending.abort();
    request.destroy();
  }
}

interface Exchange extends Answer {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  readonly ending: AbortController;
}

/**
 * Sends while the other side says how far it is. Its last word counts, also when it comes in the
 * middle.
 */
async function exchange(
  { wire, open, pacer }: SnapshotSending,
  { request, response, ending }: Exchange,
  there: Target,
  offset: number,
  signal: AbortSignal,
): Promise<void> {
  const fate = unlessAborted(signal, fateOf(response, wire, there));
  const pieceBytes = pieceBytesOf(wire.settings);
  const onSent = (bytes: number): void => {
    wire.countersOf(there.id).sentSnapshotBytes += bytes;
  };
  const sending = send(request, () => open(offset), { pacer, pieceBytes, signal, onSent });
  const isOver = fate.then(
    () => undefined,
    () => undefined,
  );
  try {
    await Promise.race([sending.catch((error: unknown) => rethrowOwn(error)), isOver]);
    const { taken, reason, message } = await fate;
    if (taken) return;
    if (reason !== 'not-taken') throw broken(there, printable(message));
    const code = message === '' ? '' : `${printable(message)}; `;
    throw refused(there, reason, `${code}the log of that member says why`);
  } finally {
    // Nobody reads the stream any more when the caller hears of the end.
    ending.abort();
    await sending.catch(() => undefined);
  }
}

/**
 * Small enough that the receiver hears something several times within the stall timeout, however
 * slow the rate. At the lowest rate and the shortest timeout that the options allow it is 5 bytes.
 */
function pieceBytesOf({ snapshotBytesPerSecond, stallTimeoutMs }: HttpSettings): number {
  const perStall = (snapshotBytesPerSecond * stallTimeoutMs) / 1000;
  return Math.min(chunkBytesMax, Math.floor(perStall / piecesPerStall));
}

/** A request that breaks while it is written shows in the answer, too, with a better reason. */
function rethrowOwn(error: unknown): void {
  if (error instanceof SourceFailure) throw error;
}

interface Pace {
  readonly pacer: Pacer;
  readonly pieceBytes: number;
  readonly signal: AbortSignal;
  readonly onSent: (bytes: number) => void;
}

async function send(
  request: ClientRequest,
  open: () => AsyncIterable<Uint8Array>,
  { pacer, pieceBytes, signal, onSent }: Pace,
): Promise<void> {
  const chunks = iterate(open);
  let isReading = false;
  try {
    for (;;) {
      isReading = true;
      const { done, value } = await unlessAborted(signal, readFrom(chunks));
      isReading = false;
      if (done === true) break;
      for (let at = 0; at < value.length; at += pieceBytes) {
        const chunk = value.subarray(at, at + pieceBytes);
        await pacer.pass(chunk.length, signal);
        onSent(chunk.length);
        await write(request, chunk, signal);
      }
    }
    request.end(emptyFrame);
  } finally {
    const ended = Promise.resolve(chunks.return?.()).catch(() => undefined);
    // A read that hangs would keep the sender from its end; the stream ends behind it.
    if (!isReading) await ended;
  }
}

function iterate(open: () => AsyncIterable<Uint8Array>): AsyncIterator<Uint8Array> {
  try {
    return open()[Symbol.asyncIterator]();
  } catch (error) {
    throw new SourceFailure('the snapshot cannot be read', { cause: error });
  }
}

async function readFrom(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    throw new SourceFailure('the snapshot cannot be read', { cause: error });
  }
}

/** The chunk is its owner's again when this resolves. */
async function write(
  request: ClientRequest,
  chunk: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  request.write(frameHead(chunk));
  const written = new Promise<void>((resolve, reject) => {
    request.write(chunk, (error) => (error instanceof Error ? reject(error) : resolve()));
  });
  await unlessAborted(signal, written);
}

function broken({ id, address }: Target, why: string): TransportError {
  const problem = `a snapshot to member ${id} at ${address} did not arrive: ${why}`;
  return new TransportError('TRANSPORT_BROKEN', problem);
}
