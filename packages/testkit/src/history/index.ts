export { checkHistory, impossible } from './check-history.ts';
export type { Impossible, Model, Verdict } from './check-history.ts';
export { checkKeyValueHistory } from './key-values.ts';
export type { KeyValueInput, KeyValueOperation, KeyValueOutput } from './key-values.ts';
export type { Operation } from './timeline.ts';
