/**
 * Handles one request: runs the handler under a deadline, releases the reserved bytes, and answers
 * errors. After an error the connection stays open if the limits allow it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Raft } from '@babuza/raft';
import type { Admission } from './admission.ts';
import { mayBeDiscarded, readBody, type ByteBudget } from './body.ts';
import { jsonAnswer, type ApiAnswer } from './call.ts';
import { whenConnectionEnds } from './connection-ends.ts';
import { ApiError, apiErrorOf, leaderPlace } from './errors.ts';
import type { ApiLimits } from './limits.ts';
import type { Router } from './router.ts';

/** Smaller answers go into the socket buffer at once and are not counted in the byte budget. */
const largeAnswerBytes: number = 16 * 1024;
/** Answers with these statuses name the leader, so that a client can try there. */
const namesLeader: ReadonlySet<number> = new Set([421, 503, 504]);

export interface ExchangeParts<Query, Answer> {
  readonly raft: Raft<Query, Answer>;
  readonly router: Router;
  readonly limits: ApiLimits;
  readonly budget: ByteBudget;
  readonly admission: Admission;
  /** Called with each unexpected error. */
  readonly report: (error: unknown) => void;
}

export interface Exchange {
  /** Resolves when the answer was handed to the socket. It never rejects. */
  readonly answered: Promise<void>;
  /** Answers with this error if there is no answer yet. */
  readonly abort: (reason: ApiError) => void;
}

/**
 * Starts the handling of a request. `waitsForGo`: the client sends its body only after `100
 * Continue`.
 */
export function startExchange<Query, Answer>(
  parts: ExchangeParts<Query, Answer>,
  request: IncomingMessage,
  response: ServerResponse,
  waitsForGo: boolean,
): Exchange {
  const ending = new AbortController();
  const abort = (reason: ApiError): void => ending.abort(reason);
  const answered = run(parts, request, response, ending, waitsForGo).catch((error: unknown) => {
    parts.report(error);
    request.socket.destroy();
  });
  return { answered, abort };
}

async function run<Query, Answer>(
  parts: ExchangeParts<Query, Answer>,
  request: IncomingMessage,
  response: ServerResponse,
  ending: AbortController,
  waitsForGo: boolean,
): Promise<void> {
  const { router, limits, budget } = parts;
  const { signal } = ending;
  const lease = budget.lease();
  const stay = whenConnectionEnds(request.socket, () =>
    ending.abort(new ApiError('API_CLIENT_GONE', 'the client has gone')),
  );
  let timer: NodeJS.Timeout | undefined;
  try {
    const role = parts.admission.enter(request);
    const { route, parts: variable, query } = router.find(request.method ?? '', request.url ?? '');
    parts.admission.mayCall(request, role, route);
    const deadlineMs = route.isLong === true ? limits.longDeadlineMs : limits.deadlineMs;
    timer = setTimeout(() => {
      const message = `no answer within ${deadlineMs} ms; a write may take effect later`;
      ending.abort(new ApiError('API_DEADLINE', message));
    }, deadlineMs);
    const call = {
      parts: variable,
      query,
      headers: request.headers,
      signal,
      body: (bytesMax: number): Promise<Uint8Array> => {
        if (waitsForGo) response.writeContinue();
        return readBody(request, bytesMax, lease, signal);
      },
    };
    const answer = await untilAborted(signal, route.handler(call));
    lease.release();
    if (answer.body.length >= largeAnswerBytes && !lease.take(answer.body.length)) {
      throw new ApiError('API_BUSY', 'too many bytes are under way at this node');
    }
    send(request, response, answer, {}, waitsForGo);
  } catch (error) {
    const known = apiErrorOf(error);
    if (known.code === 'API_INTERNAL') parts.report(error);
    const leader = namesLeader.has(known.status) ? { leader: leaderPlace(parts.raft) } : {};
    const { code, message, status, headers } = known;
    send(request, response, jsonAnswer({ code, message, ...leader }, status), headers, waitsForGo);
  } finally {
    clearTimeout(timer);
    stay();
    releaseWhenTaken(request, response, limits.answerTimeoutMs, () => lease.release());
  }
}

/** Rejects when the signal aborts, because some operations, such as a digest, do not observe it. */
async function untilAborted(
  signal: AbortSignal,
  answer: ApiAnswer | Promise<ApiAnswer>,
): Promise<ApiAnswer> {
  if (!(answer instanceof Promise)) return answer;
  let end: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    end = () => reject(apiErrorOf(signal.reason));
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    if (end !== undefined) signal.removeEventListener('abort', end);
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body }: ApiAnswer,
  headers: Readonly<Record<string, string>>,
  waitsForGo: boolean,
): void {
  if (request.socket.destroyed || response.headersSent) return;
  // A client that did not get `100 Continue` may or may not send its body. The next bytes are
  // ambiguous, so the connection ends.
  const ends = !mayBeDiscarded(request) || (waitsForGo && !request.complete);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
    'cache-control': 'no-store',
    // A browser must not run a value as a script, because pages of other origins could include it.
    'x-content-type-options': 'nosniff',
    ...(ends ? { connection: 'close' } : {}),
    ...headers,
  });
  response.end(body);
}

/**
 * Releases the bytes of an answer when the client has received it. The connection ends when that
 * takes too long.
 */
function releaseWhenTaken(
  { socket }: IncomingMessage,
  response: ServerResponse,
  answerTimeoutMs: number,
  release: () => void,
): void {
  if (socket.destroyed || response.writableLength < largeAnswerBytes) {
    release();
    return;
  }
  // A pipelined response does not know its connection yet, so the timer closes the socket itself.
  const timer = setTimeout(() => socket.destroy(), answerTimeoutMs);
  const taken = (): void => {
    clearTimeout(timer);
    stay();
    release();
  };
  const stay = whenConnectionEnds(socket, taken);
  response.once('finish', taken);
}
