/**
 * Calls to one node: status, health, snapshots, leadership transfer, and the digest of its state.
 */
import type { Readiness } from '@babuza/raft';
import { jsonAnswer, type ApiAnswer, type ApiCall } from './call.ts';
import { ApiError, leaderPlace } from './errors.ts';
import { fieldsOf, idField } from './json.ts';
import { publicText } from './public-text.ts';
import type { KeyValueRaft } from './keys.ts';
import type { Route } from './router.ts';

/** Text for a collector of metrics, as `Registry.metrics()` of prom-client gives it. */
export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export interface NodeFigures {
  /** Further figures for `GET /v1/status`, below `figures`; what JSON can say, and bigints. */
  readonly figures?: (() => object) | undefined;
  /** Answers `GET /metrics`; without it there is nothing at that path. */
  readonly metrics?: (() => MetricsText | Promise<MetricsText>) | undefined;
}

export function nodeRoutes(
  raft: KeyValueRaft,
  { figures, metrics }: NodeFigures,
): readonly Route[] {
  const routes: Route[] = [
    { method: 'GET', path: '/v1/status', handler: () => status(raft, figures) },
    { method: 'GET', path: '/v1/digest', isLong: true, handler: () => digest(raft) },
    {
      method: 'POST',
      path: '/v1/snapshots',
      role: 'admin',
      isLong: true,
      handler: async ({ signal }) => {
        const { index, term } = await raft.manualSnapshot({ signal });
        return jsonAnswer({ index, term }, 201);
      },
    },
    {
      method: 'POST',
      path: '/v1/leadership',
      role: 'admin',
      handler: (call) => transfer(raft, call),
    },
    { method: 'GET', path: '/health', handler: () => health(raft) },
    { method: 'GET', path: '/ready', handler: () => ready(raft) },
  ];
  if (metrics === undefined) return routes;
  const handler = async (): Promise<ApiAnswer> => {
    const { contentType, text } = await metrics();
    return { status: 200, contentType, body: text };
  };
  return [...routes, { method: 'GET', path: '/metrics', handler }];
}

async function status(raft: KeyValueRaft, figures?: () => object): Promise<ApiAnswer> {
  const { leader: _leader, tail, ...known } = raft.status();
  const { file: _file, ...tailShown } = tail;
  const size = await raft.staleRead({ kind: 'size' });
  const { keys, bytes } = size.kind === 'size' ? size : { keys: 0, bytes: 0 };
  const readiness = shownReadiness(raft);
  return jsonAnswer({
    ...known,
    tail: tailShown,
    leader: leaderPlace(raft),
    readiness,
    keys,
    bytes,
    ...(figures === undefined ? {} : { figures: figures() }),
  });
}

async function digest(raft: KeyValueRaft): Promise<ApiAnswer> {
  const answer = await raft.staleRead({ kind: 'digest' });
  if (answer.kind !== 'digest') throw new TypeError(`a digest was answered with ${answer.kind}`);
  const { index, keys, sha256 } = answer;
  return jsonAnswer({ index, keys, sha256 });
}

/** `{ to? }`: without it the voter whose log is furthest. Answered when that one leads. */
async function transfer(raft: KeyValueRaft, call: ApiCall): Promise<ApiAnswer> {
  const to = idField(fieldsOf(await call.body(1024), ['to']), 'to');
  await raft.transferLeader(to, { signal: call.signal });
  return jsonAnswer({ leader: leaderPlace(raft) });
}

/** Without the paths that the error of a disk has in its text. */
function shownReadiness(raft: KeyValueRaft): Readiness {
  const instead = 'an error of the disk; the log of the node says more';
  const readiness = raft.readiness();
  if (!readiness.ready) return { ready: false, reason: publicText(readiness.reason, instead) };
  const { concerns } = readiness;
  if (concerns === undefined) return readiness;
  return { ready: true, concerns: concerns.map((concern) => publicText(concern, instead)) };
}

/** Whether the process should live on. */
function health(raft: KeyValueRaft): ApiAnswer {
  const { nodeId, role } = raft.status();
  return jsonAnswer({ status: 'running', nodeId, role });
}

/** Whether clients should be sent here. */
function ready(raft: KeyValueRaft): ApiAnswer {
  const readiness = shownReadiness(raft);
  if (readiness.ready) return jsonAnswer({ ready: true });
  throw new ApiError('API_NOT_READY', readiness.reason);
}
