export { BabuzaComponentBuilder } from './babuza-component-builder.ts';
export { BabuzaComponent, type NodeSettings } from './babuza-component.ts';
export type { BuilderConfig } from './builder-config.ts';
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
  HttpTransportType,
  LevelWalDisk,
  LevelWalMemory,
  LruSession,
  MemoryTransportType,
  NoMetrics,
  NoopSession,
  PebbleWalDisk,
  PebbleWalMemory,
  PrometheusMetrics,
  TcpMemoryTransportType,
  VolatileSnapshot,
} from './registry.ts';
