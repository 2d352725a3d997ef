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
export type { LogFields, Logger } from '@babuza/raft';
export {
  BabuzaWal,
  BadgerWalDisk,
  BadgerWalMemory,
  DurableSnapshot,
  ETCDWal,
  ExpireSession,
  HttpTransport,
  LevelWalDisk,
  LevelWalMemory,
  LruSession,
  MemoryTransport,
  NoMetrics,
  NoopSession,
  PebbleWalDisk,
  PebbleWalMemory,
  PrometheusMetrics,
  TcpMemoryTransport,
  VolatileSnapshot,
} from './registry.ts';
