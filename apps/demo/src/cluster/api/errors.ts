/**
 * The errors of the API. Every error is answered as JSON, `{ code, message, leader? }`. A code is
 * part of the API and never changes its meaning; messages may change. Codes of the node (`RAFT_…`)
 * are passed through, with the statuses of the table here.
 */
import { NotLeaderError, RaftError, type Raft, type RaftErrorCode } from '@babuza/raft';
import { publicText } from './public-text.ts';

export type ApiErrorCode =
  | 'API_BAD_REQUEST'
  | 'API_FOREIGN_HOST'
  | 'API_FOREIGN_ORIGIN'
  | 'API_MEDIA_TYPE'
  | 'API_UNAUTHENTICATED'
  | 'API_FORBIDDEN'
  | 'API_NOT_FOUND'
  | 'API_METHOD_NOT_ALLOWED'
  | 'API_KEY_NOT_FOUND'
  | 'API_INVALID_KEY'
  | 'API_INVALID_QUERY'
  | 'API_INVALID_BODY'
  | 'API_INVALID_SESSION'
  | 'API_CONDITION_UNSUPPORTED'
  | 'API_BODY_TOO_LARGE'
  | 'API_HEADERS_TOO_LARGE'
  | 'API_EXPECTATION_FAILED'
  | 'API_REQUEST_TIMEOUT'
  | 'API_BUSY'
  | 'API_CLOSING'
  | 'API_DEADLINE'
  | 'API_CLIENT_GONE'
  | 'API_RESULT_LOST'
  | 'API_NOT_READY'
  | 'API_STORAGE'
  | 'API_INTERNAL';

/**
 * The HTTP status of each code. No client sees `API_CLIENT_GONE`, because its connection is closed.
 */
const statusOfApiCode: Readonly<Record<ApiErrorCode, number>> = {
  API_BAD_REQUEST: 400,
  API_FOREIGN_HOST: 403,
  API_FOREIGN_ORIGIN: 403,
  API_MEDIA_TYPE: 415,
  API_UNAUTHENTICATED: 401,
  API_FORBIDDEN: 403,
  API_NOT_FOUND: 404,
  API_METHOD_NOT_ALLOWED: 405,
  API_KEY_NOT_FOUND: 404,
  API_INVALID_KEY: 400,
  API_INVALID_QUERY: 400,
  API_INVALID_BODY: 400,
  API_INVALID_SESSION: 400,
  API_CONDITION_UNSUPPORTED: 400,
  API_BODY_TOO_LARGE: 413,
  API_HEADERS_TOO_LARGE: 431,
  API_EXPECTATION_FAILED: 417,
  API_REQUEST_TIMEOUT: 408,
  API_BUSY: 503,
  API_CLOSING: 503,
  API_DEADLINE: 504,
  API_CLIENT_GONE: 499,
  API_RESULT_LOST: 409,
  API_NOT_READY: 503,
  API_STORAGE: 500,
  API_INTERNAL: 500,
};

/**
 * A node that does not lead answers 421, "misdirected request", and names the leader in the body.
 * After a redirect (307) a client would send each value twice, and a redirect cannot say that there
 * is no leader. A 503 would make load balancers take a healthy node for an unhealthy one.
 */
const statusOfRaftCode: Readonly<Record<RaftErrorCode, number>> = {
  RAFT_CONFIG: 500,
  RAFT_INVALID: 400,
  RAFT_NOT_LEADER: 421,
  RAFT_DROPPED: 503,
  RAFT_OUTCOME_UNKNOWN: 504,
  RAFT_BUSY: 503,
  RAFT_TOO_LARGE: 413,
  RAFT_CONF_CHANGE_REFUSED: 409,
  RAFT_LEARNER_NOT_READY: 409,
  RAFT_SESSION_EXPIRED: 410,
  RAFT_SEQUENCE_STALE: 409,
  RAFT_STATE_MACHINE_FAILED: 500,
  RAFT_STATE_UNREADABLE: 500,
  RAFT_NO_LOG: 500,
  RAFT_LOG_LOST: 500,
  RAFT_OTHER_LOG: 500,
  RAFT_LOG_OLDER: 500,
  RAFT_OTHER_CLUSTER: 500,
  RAFT_IDENTITY_UNKNOWN: 500,
  RAFT_SNAPSHOT_REFUSED: 500,
  RAFT_SHUTDOWN_TIMEOUT: 500,
  RAFT_STOPPED: 503,
};

/** An error that is sent to the client. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode | RaftErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ApiErrorCode | RaftErrorCode,
    message: string,
    { cause, headers = {} }: { cause?: unknown; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = statusOf(code);
    this.headers = headers;
  }
}

/** Returns the HTTP status of a code. */
export function statusOf(code: ApiErrorCode | RaftErrorCode): number {
  return isApiCode(code) ? statusOfApiCode[code] : statusOfRaftCode[code];
}

const isApiCode = (code: ApiErrorCode | RaftErrorCode): code is ApiErrorCode =>
  code in statusOfApiCode;

/**
 * Converts a thrown error into an API error. Clients see no details of unexpected errors and no
 * file names. The original error is kept as the cause.
 */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof RaftError) {
    const text = publicText(error.message, `${error.code}; the log of the node says why`);
    return new ApiError(error.code, text, { cause: error });
  }
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (typeof code === 'string' && /^(?:SNAPSHOT|WAL)_/.test(code)) {
    return new ApiError('API_STORAGE', `the node's storage says ${code}`, { cause: error });
  }
  return new ApiError('API_INTERNAL', 'an unexpected error; the node has reported it', {
    cause: error,
  });
}

/** The name under which a member publishes the address of its API, as `http://host:port`. */
export const apiServiceName = 'key-value-api';

/** The leader as clients see it. Parts that this node does not know are `null`. */
export interface LeaderPlace {
  /** The id in decimal. */
  readonly id: string;
  /** The address of its Raft transport. */
  readonly address: string | null;
  /** The address of its API. */
  readonly api: string | null;
}

/** Returns the leader, or `null` when this node knows none. */
export function leaderPlace<Query, Answer>(raft: Raft<Query, Answer>): LeaderPlace | null {
  const leader = raft.leader();
  if (leader === undefined) return null;
  let api: string | undefined;
  try {
    const { members } = raft.clusterInfo();
    api = members.find(({ id }) => id === leader.id)?.services[apiServiceName];
  } catch {
    // The node has stopped, so its last known leader is used.
  }
  return { id: leader.id.toString(), address: leader.address ?? null, api: api ?? null };
}

/**
 * Throws when this node does not lead. It runs before the body is read, so that a value is not
 * received in vain.
 */
export function checkLeads<Query, Answer>(raft: Raft<Query, Answer>): void {
  const leader = raft.leader();
  if (leader?.id !== raft.nodeId) throw new NotLeaderError(leader);
}
