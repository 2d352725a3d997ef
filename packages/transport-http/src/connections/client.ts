/** Asks another member over HTTP, and checks who answers. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { explained } from '../access/broken-opening.ts';
import { printable } from '../access/printable.ts';
import { MemberAgent } from '../access/connect.ts';
import { remoteAddressOf } from '../access/member-addresses.ts';
import { statusOf, TransportError, type RefusalReason } from '../errors.ts';
import { decodeHandshake, disagreement, encodeHandshake, handshakeHeader } from './handshake.ts';
import { lookUpIn, unreachable, type Route, type Target } from './route.ts';
import { startStallWatch } from './stall-watch.ts';
import { introduced, refusalHeader, type Wire } from '../wire.ts';

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** By default the connection is for this question only. */
  readonly agent?: MemberAgent;
  readonly signal: AbortSignal;
}

/** An answer of the right member; `socket` where the connection was upgraded. */
export interface Answer {
  readonly response: IncomingMessage;
  readonly socket?: Duplex;
  /** What of the upgraded connection came with the answer. */
  readonly head?: Buffer;
}

/** The body is the caller's to write and to end. */
export function ask(
  wire: Wire,
  { id, place, addresses }: Route,
  question: Question,
): ClientRequest {
  const said = encodeHandshake(introduced(wire, wire.handshakeTo(id)));
  return httpRequest({
    // The name, also where its addresses are known: a certificate is for the name.
    host: place.host,
    port: place.port,
    lookup: lookUpIn(addresses),
    method: question.method,
    path: question.path,
    headers: { ...question.headers, [handshakeHeader]: said },
    agent: question.agent ?? new MemberAgent(wire, id),
    signal: question.signal,
  });
}

/**
 * The answer, once its head is here.
 *
 * Rejects with a TransportError: `TRANSPORT_UNREACHABLE`, `TRANSPORT_REFUSED`, or
 * `TRANSPORT_PROTOCOL` where somebody else answered than a member. Its response is consumed then.
 */
export async function answerOf(wire: Wire, target: Route, request: ClientRequest): Promise<Answer> {
  try {
    const answer = await checkedAnswer(wire, target, request);
    wire.names.worked(target.place.host);
    return answer;
  } catch (error) {
    wire.names.failed(target.place.host);
    throw error;
  }
}

async function checkedAnswer(wire: Wire, target: Route, request: ClientRequest): Promise<Answer> {
  const answer = await headOf(wire, target, request);
  const { response } = answer;
  try {
    const reason = response.headers[refusalHeader];
    if (typeof reason === 'string') {
      if (reason === 'other-cluster') wire.handler.refusedBy(target.id);
      response.resume();
      throw refused(target, printable(reason), 'the log of that member says what differs');
    }
    const said = response.headers[handshakeHeader];
    const status = response.statusCode ?? 0;
    if (said === undefined || status >= 400) {
      throw strange(target, `no member answers at ${target.address}, but a server with ${status}`);
    }
    const theirs = decodeHandshake(said);
    const problem = disagreement(theirs, wire.handshakeTo(target.id));
    if (problem !== undefined) throw refused(target, problem.reason, problem.message);
    const word = wire.handler.admit(target.id, theirs.introduction);
    wire.handler.admittedBy(target.id);
    if (word !== undefined) throw refused(target, word, 'this member refuses it');
    if (answer.socket !== undefined && !request.hasHeader('upgrade')) {
      throw strange(target, 'it upgraded a connection, and nobody asked for that');
    }
    wire.memberAddresses.set(target.id, remoteAddressOf(answer.socket ?? response.socket));
    return answer;
  } catch (error) {
    request.destroy();
    answer.socket?.destroy();
    throw error;
  }
}

function headOf(wire: Wire, target: Route, request: ClientRequest): Promise<Answer> {
  const { clock, settings, names } = wire;
  return new Promise((resolve, reject) => {
    const timer = startStallWatch(clock, settings.stallTimeoutMs, () => {
      request.destroy(new Error(`no answer within ${settings.stallTimeoutMs} ms`));
    });
    // A machine that has moved may never answer at its old address.
    const stopHearing = names.onMoved(target.place.host, () => {
      if (request.socket?.connecting === false) return;
      request.destroy(new Error('its name leads to another address now'));
    });
    const settle = (): void => {
      timer.cancel();
      stopHearing();
    };
    request.on('error', (cause) => {
      settle();
      const isTold = cause instanceof TransportError;
      reject(isTold ? cause : unreachable(target, explained(wire, cause)));
    });
    request.once('response', (response) => {
      settle();
      resolve({ response });
    });
    request.once('upgrade', (response, socket, head) => {
      settle();
      // Until it has an owner, who listens again.
      socket.on('error', () => undefined);
      resolve({ response, socket, head });
    });
  });
}

const isReason = (text: string): text is RefusalReason => Object.hasOwn(statusOf, text);

export function refused({ id, address }: Target, reason: string, why: string): TransportError {
  const problem = `member ${id} at ${address} takes nothing from this one (${reason}): ${why}`;
  return new TransportError('TRANSPORT_REFUSED', problem, isReason(reason) ? { reason } : {});
}

function strange({ id }: Target, problem: string): TransportError {
  return new TransportError('TRANSPORT_PROTOCOL', `member ${id}: ${problem}`);
}

const textBytesMax = 4096;

/**
 * The body, for people; what is longer is cut. Rejects with `TRANSPORT_BROKEN` when it does not
 * come in time.
 */
export async function textOf(
  { clock, settings }: Wire,
  response: IncomingMessage,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = startStallWatch(clock, settings.stallTimeoutMs, () => {
    response.destroy(new Error(`it did not come within ${settings.stallTimeoutMs} ms`));
  });
  try {
    for await (const chunk of response) {
      if (!Buffer.isBuffer(chunk)) continue;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > textBytesMax) break;
    }
  } catch (cause) {
    const problem = `an answer did not arrive whole: ${String(cause)}`;
    throw new TransportError('TRANSPORT_BROKEN', problem, { cause });
  } finally {
    timer.cancel();
  }
  return Buffer.concat(chunks).toString('utf8', 0, textBytesMax).trim();
}
