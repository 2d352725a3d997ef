export * from './types.ts';
export * from './message.ts';
export * from './conf-change.ts';
export * from './errors.ts';
export * from './codec.ts';
