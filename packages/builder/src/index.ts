export { BabuzaComponentBuilder } from './babuza-component-builder.ts';
export { BabuzaComponent } from './babuza-component.ts';
export type { BuilderConfig } from './config.ts';
export {
  BackendNotInstalledError,
  BackendUnusableError,
  BuilderConfigError,
  BuilderError,
} from './errors.ts';
export type { BuilderErrorCode } from './errors.ts';
export type { LogFields, Logger } from './logger.ts';
export {
  BabuzaWal,
  BadgerWalDisk,
  BadgerWalMemory,
  ETCDWal,
  LevelWalDisk,
  LevelWalMemory,
  PebbleWalDisk,
  PebbleWalMemory,
} from './registry.ts';
