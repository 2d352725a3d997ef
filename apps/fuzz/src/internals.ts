/**
 * Modules of the packages that are no part of their API. The fuzzer runs decoders one by one, and
 * forges checksums with the functions that compute them. The sources are loaded where the fuzzer
 * runs from its sources (in tests), the built files where it was built.
 */
import type * as DemoCodec from '../../../apps/demo/src/cluster/key-value-codec.ts';
import type * as DemoFraming from '../../../apps/demo/src/log-story/framing.ts';
import type * as CommittedEntries from '../../../packages/raft/src/apply/committed-entries.ts';
import type * as Envelope from '../../../packages/raft/src/proposals/envelope.ts';
import type * as ExportedSnapshot from '../../../packages/raft/src/snapshots/exported-snapshot.ts';
import type * as IdentityEntries from '../../../packages/raft/src/identity/identity-entries.ts';
import type * as IdentityRecord from '../../../packages/raft/src/identity/identity-record.ts';
import type * as Introductions from '../../../packages/raft/src/identity/introduction.ts';
import type * as LogIdentity from '../../../packages/raft/src/identity/log-identity.ts';
import type * as SnapshotOwner from '../../../packages/raft/src/identity/snapshot-owner.ts';
import type * as MembershipCodec from '../../../packages/raft/src/membership/membership-codec.ts';
import type * as ReplicatedState from '../../../packages/raft/src/apply/replicated-state.ts';
import type * as SessionBytes from '../../../packages/session/src/session-bytes.ts';
import type * as Chunks from '../../../packages/snapshot/src/format/chunk.ts';
import type * as Manifests from '../../../packages/snapshot/src/format/manifest.ts';
import type * as MetadataFiles from '../../../packages/snapshot/src/format/metadata-file.ts';
import type * as SnapshotIds from '../../../packages/snapshot/src/format/snapshot-id.ts';
import type * as Challenges from '../../../packages/transport-http/src/access/secret.ts';
import type * as CertificateHosts from '../../../packages/transport-http/src/access/certificate/hosts.ts';
import type * as ShownCertificates from '../../../packages/transport-http/src/access/certificate/shown-certificate.ts';
import type * as FrameReaders from '../../../packages/transport-http/src/messages/frame-reader.ts';
import type * as Frames from '../../../packages/transport-http/src/messages/frames.ts';
import type * as Handshakes from '../../../packages/transport-http/src/connections/handshake.ts';
import type * as LockRecords from '../../../packages/vfs/src/lock/lock-record.ts';
import type * as RecordFiles from '../../../packages/vfs/src/record-file.ts';
import type * as EtcdCrc from '../../../packages/wal-etcd/src/format/crc32c.ts';
import type * as EtcdEntryNumbers from '../../../packages/wal-etcd/src/format/entry-numbers.ts';
import type * as EtcdFrame from '../../../packages/wal-etcd/src/format/frame.ts';
import type * as EtcdMessages from '../../../packages/wal-etcd/src/format/messages.ts';
import type * as EtcdMetadata from '../../../packages/wal-etcd/src/format/metadata.ts';
import type * as EtcdRecord from '../../../packages/wal-etcd/src/format/record.ts';
import type * as EtcdName from '../../../packages/wal-etcd/src/format/segment-name.ts';
import type * as SyncRecordFiles from '../../../packages/wal-level-disk/src/sync-record-files.ts';
import type * as LevelKeys from '../../../packages/wal-level/src/keys.ts';
import type * as LevelValues from '../../../packages/wal-level/src/values.ts';
import type * as NativeChecksum from '../../../packages/wal-native/src/format/checksum.ts';
import type * as NativeFrame from '../../../packages/wal-native/src/format/frame.ts';
import type * as NativeLayout from '../../../packages/wal-native/src/format/layout.ts';
import type * as NativeSeal from '../../../packages/wal-native/src/format/seal.ts';
import type * as NativeHeader from '../../../packages/wal-native/src/format/segment-header.ts';
import type * as NativeName from '../../../packages/wal-native/src/format/segment-name.ts';
const here = import.meta.url;
const [folder, extension] = here.endsWith('.ts') ? ['src', 'ts'] : ['dist', 'js'];

/** `path` begins with the folder of the package, for example `packages/raft`. */
async function load<Module>(owner: string, path: string): Promise<Module> {
  const file = new URL(`../../../${owner}/${folder}/${path}.${extension}`, here);
  return (await import(/* @vite-ignore */ file.href)) as Module;
}

export const envelope: typeof Envelope = await load('packages/raft', 'proposals/envelope');
export const membershipCodec: typeof MembershipCodec = await load(
  'packages/raft',
  'membership/membership-codec',
);
export const identityEntries: typeof IdentityEntries = await load(
  'packages/raft',
  'identity/identity-entries',
);
export const identityRecord: typeof IdentityRecord = await load(
  'packages/raft',
  'identity/identity-record',
);
export const introductions: typeof Introductions = await load(
  'packages/raft',
  'identity/introduction',
);
export const logIdentity: typeof LogIdentity = await load('packages/raft', 'identity/log-identity');
export const snapshotOwner: typeof SnapshotOwner = await load(
  'packages/raft',
  'identity/snapshot-owner',
);
export const exportedSnapshot: typeof ExportedSnapshot = await load(
  'packages/raft',
  'snapshots/exported-snapshot',
);
export const committedEntries: typeof CommittedEntries = await load(
  'packages/raft',
  'apply/committed-entries',
);
export const replicatedState: typeof ReplicatedState = await load(
  'packages/raft',
  'apply/replicated-state',
);
export const sessionBytes: typeof SessionBytes = await load('packages/session', 'session-bytes');
export const frames: typeof Frames = await load('packages/transport-http', 'messages/frames');
export const frameReaders: typeof FrameReaders = await load(
  'packages/transport-http',
  'messages/frame-reader',
);
export const handshakes: typeof Handshakes = await load(
  'packages/transport-http',
  'connections/handshake',
);
export const challenges: typeof Challenges = await load('packages/transport-http', 'access/secret');
export const certificateHosts: typeof CertificateHosts = await load(
  'packages/transport-http',
  'access/certificate/hosts',
);
export const shownCertificates: typeof ShownCertificates = await load(
  'packages/transport-http',
  'access/certificate/shown-certificate',
);
export const manifests: typeof Manifests = await load('packages/snapshot', 'format/manifest');
export const metadataFiles: typeof MetadataFiles = await load(
  'packages/snapshot',
  'format/metadata-file',
);
export const chunks: typeof Chunks = await load('packages/snapshot', 'format/chunk');
export const snapshotIds: typeof SnapshotIds = await load(
  'packages/snapshot',
  'format/snapshot-id',
);
export const lockRecords: typeof LockRecords = await load('packages/vfs', 'lock/lock-record');
export const recordFiles: typeof RecordFiles = await load('packages/vfs', 'record-file');
export const levelKeys: typeof LevelKeys = await load('packages/wal-level', 'keys');
export const levelValues: typeof LevelValues = await load('packages/wal-level', 'values');
export const syncRecordFiles: typeof SyncRecordFiles = await load(
  'packages/wal-level-disk',
  'sync-record-files',
);
export const nativeFrame: typeof NativeFrame = await load('packages/wal-native', 'format/frame');
export const nativeChecksum: typeof NativeChecksum = await load(
  'packages/wal-native',
  'format/checksum',
);
export const nativeSeal: typeof NativeSeal = await load('packages/wal-native', 'format/seal');
export const nativeHeader: typeof NativeHeader = await load(
  'packages/wal-native',
  'format/segment-header',
);
export const nativeName: typeof NativeName = await load(
  'packages/wal-native',
  'format/segment-name',
);
export const nativeLayout: typeof NativeLayout = await load('packages/wal-native', 'format/layout');
export const etcdMessages: typeof EtcdMessages = await load('packages/wal-etcd', 'format/messages');
export const etcdMetadata: typeof EtcdMetadata = await load('packages/wal-etcd', 'format/metadata');
export const etcdRecord: typeof EtcdRecord = await load('packages/wal-etcd', 'format/record');
export const etcdFrame: typeof EtcdFrame = await load('packages/wal-etcd', 'format/frame');
export const etcdEntryNumbers: typeof EtcdEntryNumbers = await load(
  'packages/wal-etcd',
  'format/entry-numbers',
);
export const etcdName: typeof EtcdName = await load('packages/wal-etcd', 'format/segment-name');
export const etcdCrc: typeof EtcdCrc = await load('packages/wal-etcd', 'format/crc32c');
export const demoCodec: typeof DemoCodec = await load('apps/demo', 'cluster/key-value-codec');
export const demoFraming: typeof DemoFraming = await load('apps/demo', 'log-story/framing');
