/**
 * Calls on keys. A body is the value itself, without JSON around it.
 *
 * Compare-and-set is its own call and does not use `If-Match`, because that header compares version
 * tags, which a client would have to read first. The body is the expected value followed by the new
 * one. The header `babuza-expected-bytes` is the length of the expected value, or `absent`.
 */
import type { ProposeResult, Raft } from '@babuza/raft';
import {
  decodeKey,
  decodeResult,
  encodeCommand,
  KeyValueCodecError,
  keyBytesMax,
  valueBytesMax,
  type KeyValueCommand,
} from '../key-value-codec.ts';
import type { KeyValueAnswer, KeyValueQuery } from '../key-value-machine.ts';
import { jsonAnswer, type ApiAnswer, type ApiCall } from './call.ts';
import { ApiError, checkLeads } from './errors.ts';
import type { Route } from './router.ts';
import { sessionOf } from './sessions.ts';

export type KeyValueRaft = Raft<KeyValueQuery, KeyValueAnswer>;

export const expectedBytesHeader = 'babuza-expected-bytes';
/** Stands for a length when the key must have no value. */
export const expectedAbsent = 'absent';

export function keyRoutes(raft: KeyValueRaft): readonly Route[] {
  const path = '/v1/keys/:key';
  return [
    { method: 'GET', path, handler: (call) => get(raft, call) },
    { method: 'PUT', path, handler: (call) => put(raft, call) },
    {
      method: 'DELETE',
      path,
      handler: (call) => write(raft, call, async () => ({ kind: 'delete', key: keyOf(call) })),
    },
    {
      method: 'POST',
      path: `${path}/compare-and-set`,
      handler: (call) => compareAndSet(raft, call),
    },
  ];
}

async function get(raft: KeyValueRaft, call: ApiCall): Promise<ApiAnswer> {
  const query = { kind: 'get', key: keyOf(call) } as const;
  const stale = staleness(call.query);
  const answer = await (stale ? raft.staleRead(query) : raft.read(query, { signal: call.signal }));
  if (answer.kind !== 'value') throw new TypeError(`a get was answered with ${answer.kind}`);
  if (answer.value === undefined) {
    throw new ApiError('API_KEY_NOT_FOUND', 'there is no value of this key');
  }
  return { status: 200, contentType: 'application/octet-stream', body: answer.value };
}

/** Reads `?stale=true`: this node answers at once from its own state, which may be behind. */
function staleness(query: URLSearchParams): boolean {
  for (const name of query.keys()) {
    if (name !== 'stale') {
      throw new ApiError('API_INVALID_QUERY', `'${name.slice(0, 64)}' is no parameter of a read`);
    }
  }
  const value = query.get('stale') ?? 'false';
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ApiError('API_INVALID_QUERY', "'stale' is true or false");
}

function put(raft: KeyValueRaft, call: ApiCall): Promise<ApiAnswer> {
  return write(raft, call, async () => {
    const key = keyOf(call);
    return { kind: 'put', key, value: await call.body(valueBytesMax) };
  });
}

function compareAndSet(raft: KeyValueRaft, call: ApiCall): Promise<ApiAnswer> {
  return write(raft, call, async () => {
    const key = keyOf(call);
    const header = call.headers[expectedBytesHeader];
    const isAbsent = header === expectedAbsent;
    const length = isAbsent ? 0 : Number(/^\d{1,7}$/.exec(String(header))?.[0] ?? Infinity);
    if (length > valueBytesMax) {
      throw new ApiError(
        'API_INVALID_BODY',
        `${expectedBytesHeader} is the length of the expected value, from 0 to ${valueBytesMax}, or '${expectedAbsent}'`,
      );
    }
    const body = await call.body(length + valueBytesMax);
    if (body.length < length) {
      throw new ApiError('API_INVALID_BODY', 'the body ends within the expected value');
    }
    const expected = isAbsent ? undefined : body.subarray(0, length);
    return { kind: 'compare-and-set', key, expected, value: body.subarray(length) };
  });
}

/** Checks the headers and the leader before the body is read. */
async function write(
  raft: KeyValueRaft,
  call: ApiCall,
  commandOf: () => Promise<KeyValueCommand>,
): Promise<ApiAnswer> {
  const session = sessionOf(call.headers);
  checkConditions(call);
  checkLeads(raft);
  const command = encodeCommand(await commandOf());
  return writeAnswer(await raft.propose(command, { session, signal: call.signal }));
}

/**
 * Values have no tags and no dates, so a write with such a condition is refused. Ignoring the
 * condition would surprise the client.
 */
const conditions = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];

function checkConditions({ headers }: ApiCall): void {
  const condition = conditions.find((name) => headers[name] !== undefined);
  if (condition === undefined) return;
  throw new ApiError(
    'API_CONDITION_UNSUPPORTED',
    `a write takes no ${condition}, and nothing was written; compare-and-set expects a value, or none`,
  );
}

function writeAnswer({ index, term, result, resultLost }: ProposeResult): ApiAnswer {
  if (resultLost || result === undefined) {
    throw new ApiError(
      'API_RESULT_LOST',
      'it was applied earlier; its answer is not known any more',
    );
  }
  const { kind, ...outcome } = decodeResult(result);
  if (kind === 'malformed') throw new TypeError('the state machine refused what was checked here');
  return jsonAnswer({ index, term, ...outcome });
}

function keyOf({ parts: [text = ''] }: ApiCall): string {
  try {
    return decodeKey(new TextEncoder().encode(decodeURIComponent(text)));
  } catch (error) {
    if (!(error instanceof KeyValueCodecError || error instanceof URIError)) throw error;
    throw new ApiError(
      'API_INVALID_KEY',
      `a key is UTF-8 of 1 to ${keyBytesMax} bytes, percent-encoded in the path`,
    );
  }
}
