/** Sends HTTP requests to another member and checks that the right member answers. */
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
  /** Default: a connection for this request only. */
  readonly agent?: MemberAgent;
  readonly signal: AbortSignal;
}

/** The answer of the right member; `socket` is set if the connection was upgraded. */
export interface Answer {
  readonly response: IncomingMessage;
  readonly socket?: Duplex;
  /** The bytes of the upgraded connection that arrived with the head of the answer. */
  readonly head?: Buffer;
}

/** Begins a request. The caller writes and ends its body. */
export function ask(
  wire: Wire,
  { id, hostPort, addresses }: Route,
  question: Question,
): ClientRequest {
  const said = encodeHandshake(introduced(wire, wire.handshakeTo(id)));
  return httpRequest({
    // Use the name even though its addresses are known, because a certificate is issued for the
    // name.
    host: hostPort.host,
    port: hostPort.port,
    lookup: lookUpIn(addresses),
    method: question.method,
    path: question.path,
    headers: { ...question.headers, [handshakeHeader]: said },
    agent: question.agent ?? new MemberAgent(wire, id),
    signal: question.signal,
  });
}

/**
 * Resolves to the answer when its head has arrived and was checked.
 *
 * Rejects with a TransportError: `TRANSPORT_UNREACHABLE`; `TRANSPORT_REFUSED`; or
 * `TRANSPORT_PROTOCOL` if something other than a member answered. The request is destroyed then.
 */
export async function answerOf(wire: Wire, target: Route, request: ClientRequest): Promise<Answer> {
  try {
    const answer = await checkedAnswer(wire, target, request);
    wire.names.worked(target.hostPort.host);
    return answer;
  } catch (error) {
    wire.names.failed(target.hostPort.host);
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
      throw strange(
        target,
        `a server that is not a member answers at ${target.address} with status ${status}`,
      );
    }
    const theirs = decodeHandshake(said);
    const problem = disagreement(theirs, wire.handshakeTo(target.id));
    if (problem !== undefined) throw refused(target, problem.reason, problem.message);
    const ownReason = wire.handler.admit(target.id, theirs.introduction);
    wire.handler.admittedBy(target.id);
    if (ownReason !== undefined) throw refused(target, ownReason, 'this member refuses it');
    if (answer.socket !== undefined && !request.hasHeader('upgrade')) {
      throw strange(target, 'it upgraded a connection without being asked');
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
    // If the host has moved to another address, the old address may never answer.
    const stopHearing = names.onMoved(target.hostPort.host, () => {
      if (request.socket?.connecting === false) return;
      request.destroy(new Error('its host name resolves to another address now'));
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
      // Errors must have a listener until the socket has an owner that listens.
      socket.on('error', () => undefined);
      resolve({ response, socket, head });
    });
  });
}

const isReason = (text: string): text is RefusalReason => Object.hasOwn(statusOf, text);

export function refused({ id, address }: Target, reason: string, why: string): TransportError {
  const problem = `member ${id} at ${address} refuses this member (${reason}): ${why}`;
  return new TransportError('TRANSPORT_REFUSED', problem, isReason(reason) ? { reason } : {});
}

function strange({ id }: Target, problem: string): TransportError {
  return new TransportError('TRANSPORT_PROTOCOL', `member ${id}: ${problem}`);
}

const textBytesMax = 4096;

/**
 * Reads a short text body; more than 4 KiB are cut off. Rejects with `TRANSPORT_BROKEN` if the body
 * does not arrive within the stall timeout.
 */
export async function textOf(
  { clock, settings }: Wire,
  response: IncomingMessage,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = startStallWatch(clock, settings.stallTimeoutMs, () => {
    response.destroy(new Error(`it did not arrive within ${settings.stallTimeoutMs} ms`));
  });
  try {
    for await (const chunk of response) {
      if (!Buffer.isBuffer(chunk)) continue;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > textBytesMax) break;
    }
  } catch (cause) {
    const problem = `an answer is incomplete: ${String(cause)}`;
    throw new TransportError('TRANSPORT_BROKEN', problem, { cause });
  } finally {
    timer.cancel();
  }
  return Buffer.concat(chunks).toString('utf8', 0, textBytesMax).trim();
}
