/**
 * The messages between the demo and its writer process, as JSON over the IPC channel. One request
 * is pending at a time; it is answered by any number of notices and then by one answer.
 */
import type { PurgeReport, TailReport } from '@babuza/wal-core';
import type { Piece } from '../common/documents.ts';
import { hasTypeOf } from '../common/messages.ts';

export type Request =
  | {
      readonly type: 'open';
      readonly walType: string;
      readonly storageRoot: string;
      /** `create` wants no log there; `recover` replays the one that is there, if there is one. */
      readonly how: 'create' | 'recover';
    }
  | {
      readonly type: 'write';
      readonly root: string;
      readonly pieces: readonly Piece[];
      readonly writers: number;
    }
  /** Everything in the log, as notices. */
  | { readonly type: 'list' }
  | { readonly type: 'measure' }
  /** Saves one more batch and dies of SIGKILL at once. */
  | { readonly type: 'save-and-die' }
  | { readonly type: 'snapshot-and-purge'; readonly index: number }
  | { readonly type: 'close' };

/** One entry of the log, as read back. */
export interface ListedEntry {
  readonly index: number;
  readonly term: number;
  readonly path: string;
  readonly chunk: number;
  readonly chunks: number;
  readonly bytes: number;
  /** The SHA-256 of the content. */
  readonly sha256: string;
}

/** Counters of the log, from `wal.stats`. */
export interface Counters {
  readonly entries: number;
  readonly syncs: number;
  readonly bytesWritten: number;
  readonly indexBytes: number;
  readonly cacheBytes: number;
}

/** Sent after `save` resolved, with the log's own counters as of then. */
export interface Acknowledgement extends Omit<ListedEntry, 'term'> {
  readonly type: 'acknowledged';
  readonly counters: Counters;
}

export type Notice = Acknowledgement | { readonly type: 'listed'; readonly entries: ListedEntry[] };

export interface Opened {
  readonly type: 'opened';
  /** There was a log, and it was replayed. */
  readonly existed: boolean;
  readonly durable: boolean;
  readonly batchAtomic: boolean;
  readonly detectsEveryFlip: boolean;
  /** How long `replayWal` or `createWal` took. */
  readonly openMs: number;
  readonly tail: TailReport;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly term: number;
}

export interface Measured {
  readonly type: 'measured';
  /** Growth of the process when all entries are held in an array: heap and buffers. */
  readonly heldBytes: number;
}

export type Answer =
  | Opened
  | Measured
  | { readonly type: 'done'; readonly counters: Counters }
  | { readonly type: 'purged'; readonly report: PurgeReport }
  | { readonly type: 'failed'; readonly code: string | undefined; readonly message: string };

const requestTypes = [
  'open',
  'write',
  'list',
  'measure',
  'save-and-die',
  'snapshot-and-purge',
  'close',
];
const noticeTypes = ['acknowledged', 'listed'];
const answerTypes = ['opened', 'measured', 'done', 'purged', 'failed'];

export function isRequest(message: unknown): message is Request {
  return hasTypeOf(message, requestTypes);
}

export function isNotice(message: unknown): message is Notice {
  return hasTypeOf(message, noticeTypes);
}

export function isAnswer(message: unknown): message is Answer {
  return hasTypeOf(message, answerTypes);
}

export function isAnswerOf<Type extends Answer['type']>(
  answer: Answer,
  type: Type,
): answer is Extract<Answer, { type: Type }> {
  return answer.type === type;
}
