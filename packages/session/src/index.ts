export { SessionError, type SessionErrorCode } from './errors.ts';
export { ExpireSessionManager, type ExpireSessionOptions } from './expire-session-manager.ts';
export { LruSessionManager, type LruSessionOptions } from './lru-session-manager.ts';
export { NoopSessionManager } from './noop-session-manager.ts';
