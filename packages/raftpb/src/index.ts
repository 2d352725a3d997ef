export * from './types.ts';
export * from './message.ts';
export * from './conf-change.ts';
export * from './errors.ts';
export * from './codec.ts';
export type { PartsAllowance } from './wire/reader.ts';
