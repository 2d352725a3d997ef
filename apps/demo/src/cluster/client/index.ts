export { Administration, type MemberToAdd } from './administration.ts';
export {
  KeyValueClient,
  type CompareAndSetResult,
  type PutResult,
  type WriteResult,
} from './client.ts';
export {
  AnswerError,
  ConnectionError,
  KeyValueError,
  SessionExpiredError,
  type KeyValueErrorCode,
  type Outcome,
} from './errors.ts';
export type { CallOptions, GetOptions, KeyValueClientOptions, NodeCallOptions } from './options.ts';
export type { DigestView, LeaderView, MembersView, MemberView, StatusView } from './views.ts';
