/**
 * The id of a snapshot: SHA-256 over its group, its metadata and the hashes of its files. How it is
 * stored (codec, chunk size, files outside) does not count, so the same content at the same index
 * has the same id on every node.
 */
import { createHash } from 'node:crypto';
import { encodeSnapshotMetadata, type SnapshotMetadata } from '@babuza/raftpb';
import type { ManifestFile } from './manifest.ts';

/** A prefix that separates these hashes from hashes of other things. */
const domain = 'babuza snapshot 1\n';

export function snapshotIdOf(
  groupId: bigint,
  metadata: SnapshotMetadata,
  files: readonly Pick<ManifestFile, 'name' | 'contentBytes' | 'sha256'>[],
): string {
  const hash = createHash('sha256').update(domain);
  const encoded = encodeSnapshotMetadata(metadata);
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(groupId, 0);
  head.writeUInt32BE(encoded.length, 8);
  head.writeUInt32BE(files.length, 12);
  hash.update(head).update(encoded);
  for (const { name, contentBytes, sha256 } of files) {
    const size = Buffer.alloc(9);
    size.writeUInt8(name.length, 0);
    size.writeBigUInt64BE(BigInt(contentBytes), 1);
    hash.update(size).update(name).update(sha256);
  }
  return hash.digest('hex');
}
