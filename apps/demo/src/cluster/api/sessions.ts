/**
 * Sessions: a write that carries the three headers applies once, however often and to whichever
 * leader it is sent.
 *
 * - `babuza-session`: what `POST /v1/sessions` gave,
 * - `babuza-sequence`: counts the writes of the session, from 1,
 * - `babuza-lowest-unanswered`: the lowest sequence that the client still waits for.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Raft, SessionCall } from '@babuza/raft';
import { jsonAnswer } from './call.ts';
import { ApiError, checkLeads } from './errors.ts';
import { wholeNumber } from './json.ts';
import type { Route } from './router.ts';

export const sessionHeader = 'babuza-session';
export const sequenceHeader = 'babuza-sequence';
export const lowestUnansweredHeader = 'babuza-lowest-unanswered';

/**
 * Returns the session of a write, or `undefined` when the write has none. Throws
 * `API_INVALID_SESSION`.
 */
export function sessionOf(headers: IncomingHttpHeaders): SessionCall | undefined {
  const texts = [sessionHeader, sequenceHeader, lowestUnansweredHeader].map(
    (name) => headers[name],
  );
  if (texts.every((text) => text === undefined)) return undefined;
  const [sessionId, sequence, lowestUnanswered] = texts.map((text) => wholeNumber(String(text)));
  if (
    sessionId === undefined ||
    sequence === undefined ||
    lowestUnanswered === undefined ||
    sequence < lowestUnanswered
  ) {
    throw new ApiError(
      'API_INVALID_SESSION',
      `a write of a session has ${sessionHeader}, ${sequenceHeader} and ${lowestUnansweredHeader}, whole numbers from 1, the last not above the sequence`,
    );
  }
  return { sessionId, sequence, lowestUnanswered };
}

export function sessionRoutes<Query, Answer>(raft: Raft<Query, Answer>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/sessions',
      handler: async ({ signal }) =>
        jsonAnswer({ session: await raft.registerSession({ signal }) }, 201),
    },
    {
      method: 'DELETE',
      path: '/v1/sessions/:id',
      handler: async ({ parts: [id = ''], signal }) => {
        const sessionId = wholeNumber(id);
        if (sessionId === undefined) {
          throw new ApiError('API_INVALID_SESSION', 'the id of a session is a whole number from 1');
        }
        checkLeads(raft);
        await raft.unregisterSession(sessionId, { signal });
        return jsonAnswer({ session: sessionId });
      },
    },
  ];
}
