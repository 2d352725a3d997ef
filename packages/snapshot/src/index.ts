export { DurableSnapshotManager } from './durable-snapshot-manager.ts';
export { VolatileSnapshotManager } from './volatile-snapshot-manager.ts';
export type { SnapshotManagerOptions } from './options.ts';
export { SnapshotError } from './snapshot-error.ts';
export type { DamageDetails, SnapshotErrorCode } from './snapshot-error.ts';
export { decodeManifest } from './format/manifest.ts';
export type { ManifestFile, SnapshotCodec, SnapshotManifest } from './format/manifest.ts';
