export type * from './component.ts';
export type * from './logger.ts';
export type * from './observer.ts';
export type * from './session-manager.ts';
export type * from './snapshot-manager.ts';
export type * from './state-machine.ts';
export type * from './transport.ts';
