/**
 * The identity bytes in the metadata of a log, fixed when the log is created:
 *
 * ```
 *   0         1          17         33
 *   +---------+----------+----------+
 *   | version | log id   | origin   |     a member that joins has zeros as origin
 *   +---------+----------+----------+
 * ```
 */
import { RaftError } from '../errors.ts';
import type { IdentityHex } from './hex.ts';

const version = 1;
const bytesInAll = 33;
const noOrigin = '0'.repeat(32);

export interface LogIdentity {
  readonly logId: IdentityHex;
  readonly origin: IdentityHex | undefined;
}

export function encodeLogIdentity({ logId, origin }: LogIdentity): Uint8Array {
  return new Uint8Array(Buffer.from(`01${logId}${origin ?? noOrigin}`, 'hex'));
}

/** @throws RaftError (`RAFT_STATE_UNREADABLE`) for bytes that no known release has written. */
export function decodeLogIdentity(bytes: Uint8Array): LogIdentity {
  if (bytes[0] !== version || bytes.length !== bytesInAll) {
    throw new RaftError(
      'RAFT_STATE_UNREADABLE',
      `the identity in the metadata of the log has version ${bytes[0] ?? 'none'} and ${bytes.length} bytes; this release knows version ${version} with ${bytesInAll} bytes`,
    );
  }
  const hex = Buffer.from(bytes).toString('hex');
  const origin = hex.slice(34);
  return { logId: hex.slice(2, 34), origin: origin === noOrigin ? undefined : origin };
}
