/**
 * Sends a snapshot: asks the receiver how much of it is already there, sends the rest in frames,
 * and waits until the receiver has made it durable. When the connection breaks, sending resumes
 * where the receiver has stopped, as long as each attempt makes progress.
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
import { outcomeOf } from './snapshot-outcome.ts';
import { paths, type Wire } from '../wire.ts';

export const offsetHeader = 'babuza-offset';

export interface SnapshotSending {
  readonly wire: Wire;
  readonly pacer: Pacer;
  /** The current address of the receiver, which may change between two attempts. */
  readonly target: () => Target;
  readonly message: Message;
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Give up after this many attempts without progress. */
const attemptsWithoutProgressMax = 5;
const pauseMs = 200;
/** Larger chunks are split. The transport port allows chunks of up to 3 MiB. */
const chunkBytesMax = 1024 * 1024;
/**
 * The number of pieces that the rate limit lets through per stall timeout. Several snapshots share
 * the rate, so one piece must be a small part of it.
 */
const piecesPerStall = 20;

/** The source of the snapshot failed on this side, so another attempt would not help. */
class SourceFailure extends Error {}

export async function sendSnapshot(sending: SnapshotSending): Promise<void> {
  const { wire, signal } = sending;
  let furthest = -Infinity;
  for (let withoutProgress = 1; ; withoutProgress += 1) {
    try {
      const offset = await receivedBytes(sending);
      if (offset > furthest) withoutProgress = 1;
      furthest = Math.max(furthest, offset);
      await sendFrom(sending, offset);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SourceFailure) throw error.cause;
      if (!isWorthAnother(error) || withoutProgress >= attemptsWithoutProgressMax) throw error;
      wire.logger?.debug('sending a snapshot is resumed later', { to: sending.message.to, error });
      await pause(wire.clock, pauseMs * 2 ** (withoutProgress - 1), signal);
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
  throw new TransportError(
    'TRANSPORT_PROTOCOL',
    `member ${there.id} did not answer with the number of bytes that it has`,
  );
}

async function sendFrom(sending: SnapshotSending, offset: number): Promise<void> {
  const { wire, target, message } = sending;
  const there = await routeTo(wire, target(), sending.signal);
  if (offset > 0) wire.countersOf(there.id).continuedSnapshots += 1;
  // Both directions of one attempt end together.
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
 * Sends the chunks while the answer is read. The outcome counts even if it arrives before
 * everything was sent.
 */
async function exchange(
  { wire, open, pacer }: SnapshotSending,
  { request, response, ending }: Exchange,
  there: Target,
  offset: number,
  signal: AbortSignal,
): Promise<void> {
  const outcome = unlessAborted(signal, outcomeOf(response, wire, there));
  const pieceBytes = pieceBytesOf(wire.settings);
  const onSent = (bytes: number): void => {
    wire.countersOf(there.id).sentSnapshotBytes += bytes;
  };
  const sending = send(request, () => open(offset), { pacer, pieceBytes, signal, onSent });
  const isOver = outcome.then(
    () => undefined,
    () => undefined,
  );
  try {
    await Promise.race([sending.catch((error: unknown) => rethrowOwn(error)), isOver]);
    const { taken, reason, message } = await outcome;
    if (taken) return;
    if (reason !== 'not-taken') throw broken(there, printable(message));
    const code = message === '' ? '' : `${printable(message)}; `;
    throw refused(there, reason, `${code}the log of that member says why`);
  } finally {
    // The source must not be read any more when the caller is told of the end.
    ending.abort();
    await sending.catch(() => undefined);
  }
}

/**
 * The size of a piece in bytes: small enough that the receiver gets several pieces per stall
 * timeout, however low the rate is. With the lowest rate and the shortest timeout it is 5 bytes.
 */
function pieceBytesOf({ snapshotBytesPerSecond, stallTimeoutMs }: HttpSettings): number {
  const perStall = (snapshotBytesPerSecond * stallTimeoutMs) / 1000;
  return Math.min(chunkBytesMax, Math.floor(perStall / piecesPerStall));
}

/** Ignores errors of writing the request: the answer fails as well, with a better explanation. */
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
    // A pending read could block this forever. The generator ends after that read.
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

/** Resolves when the chunk was written, so that the caller may reuse its memory. */
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
