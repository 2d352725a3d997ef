/** The messages between the demo and its node processes, as JSON over the IPC channel. */
import { hasTypeOf } from '../common/messages.ts';

/** Files in PEM, read at each start: so a certificate is replaced by a restart. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** The certificate of the authority that all members trust. */
  readonly ca: string;
}

/** Ids are decimal digits: JSON has no bigint. */
export interface NodeSettings {
  readonly nodeId: string;
  /** The address under which the other members reach the transport. */
  readonly address: string;
  /** The port of the transport; 0 chooses a free port, when a proxy listens at `address`. */
  readonly listenPort: number;
  /** The port of the REST API. */
  readonly apiPort: number;
  /** Everything that it keeps. */
  readonly directory: string;
  readonly walType: string;
  /** The first members, for those; a later one joins. What is on disk counts for both. */
  readonly peers: readonly { readonly id: string; readonly address: string }[] | undefined;
  /** The disk of its log can be made to hang. */
  readonly hasHangingDisk: boolean;
  readonly snapshotEntries: number;
  readonly compactionMargin: number;
  /** Members talk TLS then, both sides with a certificate. */
  readonly tls: TlsFiles | undefined;
}

export type NodeRequest =
  | { readonly type: 'start'; readonly settings: NodeSettings }
  /** The disk hangs, or works again. */
  | { readonly type: 'disk'; readonly hangs: boolean }
  | { readonly type: 'shutdown' };

export type NodeAnswer =
  | { readonly type: 'started'; readonly transportPort: number; readonly apiPort: number }
  /** The node could not start, or has stopped because of an error. */
  | { readonly type: 'failed'; readonly code: string | undefined; readonly message: string };

/** Events of the node, sent when they happen. */
export type NodeNotice =
  | { readonly type: 'leadership-acquired'; readonly term: number }
  | { readonly type: 'leadership-lost'; readonly term: number }
  | { readonly type: 'snapshot-taken'; readonly index: number; readonly bytes: number }
  | { readonly type: 'snapshot-installed'; readonly index: number };

const answerTypes = ['started', 'failed'];
const noticeTypes = [
  'leadership-acquired',
  'leadership-lost',
  'snapshot-taken',
  'snapshot-installed',
];

export const isNodeRequest = (message: unknown): message is NodeRequest =>
  hasTypeOf(message, ['start', 'disk', 'shutdown']);
export const isNodeAnswer = (message: unknown): message is NodeAnswer =>
  hasTypeOf(message, answerTypes);
export const isNodeNotice = (message: unknown): message is NodeNotice =>
  hasTypeOf(message, noticeTypes);
