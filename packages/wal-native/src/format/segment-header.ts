/**
 * The encoding of the header of a segment: one page of 4,096 bytes at offset 0, and the same page
 * again at 4,096. Numbers are little-endian. Bytes without a name must be zero.
 *
 *      0   magic "BABUZAWL"        8   version u32          12  salt u32
 *      16  segment id u64          24  file length u64      32  cluster id u64
 *      40  node id u64             48  group id u64         56  largest entry u32
 *      60  length of extra u32     64  base batch sequence  72  end of the predecessor
 *      80  end of the head         88  predecessor's salt   92  length of identity u32
 *      96  extra (at most 1,024)   …   zeros
 *    1120  identity (at most 128)  …   zeros                4092 CRC-32 of bytes 0 to 4,092
 *
 * The header is durable before the file gets the name of a segment, so a segment without a valid
 * header is damaged.
 */
import { checksum } from './checksum.ts';
import { formatVersion, framesStart, headerPageBytes, versionWithIdentity } from './layout.ts';

const magic = new TextEncoder().encode('BABUZAWL');
const extraStart = 96;
const checksumAt: number = headerPageBytes - 4;
/** The space for the extra bytes of the metadata, which is the limit of wal-core. */
const extraBytesMax = 1024;
const identityStart: number = extraStart + extraBytesMax;
/** The space for the identity of the metadata, which is the limit of wal-core. */
const identityBytesMax = 128;

export interface SegmentHeader {
  readonly salt: number;
  readonly segmentId: number;
  /** The length of the file, which never changes. */
  readonly segmentBytes: number;
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly groupId: bigint;
  readonly entryBytesMax: number;
  readonly extra: Uint8Array | undefined;
  readonly identity: Uint8Array | undefined;
  /** The sequence number of batch 0 of this segment. Sequence numbers are unique within a log. */
  readonly baseBatchSequence: number;
  /** The offset at which the frames of the previous segment end; 0 for the first segment. */
  readonly predecessorEnd: number;
  readonly predecessorSalt: number;
  /** The end of the head (the first batch), which was durable before the file got its name. */
  readonly headEnd: number;
}

/** Encodes the header as two equal pages. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(framesStart);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(8, header.identity === undefined ? 1 : versionWithIdentity, true);
  view.setUint32(12, header.salt, true);
  view.setBigUint64(16, BigInt(header.segmentId), true);
  view.setBigUint64(24, BigInt(header.segmentBytes), true);
  view.setBigUint64(32, header.clusterId, true);
  view.setBigUint64(40, header.nodeId, true);
  view.setBigUint64(48, header.groupId, true);
  view.setUint32(56, header.entryBytesMax, true);
  view.setUint32(60, lengthField(header.extra), true);
  view.setBigUint64(64, BigInt(header.baseBatchSequence), true);
  view.setBigUint64(72, BigInt(header.predecessorEnd), true);
  view.setBigUint64(80, BigInt(header.headEnd), true);
  view.setUint32(88, header.predecessorSalt, true);
  view.setUint32(92, lengthField(header.identity), true);
  if (header.extra !== undefined) bytes.set(header.extra, extraStart);
  if (header.identity !== undefined) bytes.set(header.identity, identityStart);
  view.setUint32(checksumAt, checksum(bytes.subarray(0, checksumAt)), true);
  bytes.copyWithin(headerPageBytes, 0, headerPageBytes);
  return bytes;
}

/** The result of decoding one page. */
export type HeaderPage =
  | { readonly kind: 'ok'; readonly header: SegmentHeader }
  | { readonly kind: 'unknown-version'; readonly version: number }
  /** The page has the magic of a native segment, but is damaged. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'foreign' };

/** Decodes and verifies one page. */
export function decodeHeaderPage(page: Uint8Array): HeaderPage {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const ours = page.length === headerPageBytes && magic.every((byte, at) => page[at] === byte);
  if (!ours) return { kind: 'foreign' };
  if (checksum(page.subarray(0, checksumAt)) !== view.getUint32(checksumAt, true)) {
    return { kind: 'damaged' };
  }
  const version = view.getUint32(8, true);
  if (version < 1 || version > formatVersion) return { kind: 'unknown-version', version };
  const extraField = view.getUint32(60, true);
  const identityField = view.getUint32(92, true);
  if (extraField > extraBytesMax + 1 || identityField > identityBytesMax + 1) {
    return { kind: 'damaged' };
  }
  if ((identityField !== 0) !== (version === versionWithIdentity)) return { kind: 'damaged' };
  const extraEnd = extraStart + Math.max(extraField - 1, 0);
  const identityEnd = identityStart + Math.max(identityField - 1, 0);
  if (!isZero(page, extraEnd, identityStart) || !isZero(page, identityEnd, checksumAt)) {
    return { kind: 'damaged' };
  }
  return {
    kind: 'ok',
    header: {
      salt: view.getUint32(12, true),
      segmentId: Number(view.getBigUint64(16, true)),
      segmentBytes: Number(view.getBigUint64(24, true)),
      clusterId: view.getBigUint64(32, true),
      nodeId: view.getBigUint64(40, true),
      groupId: view.getBigUint64(48, true),
      entryBytesMax: view.getUint32(56, true),
      extra: extraField === 0 ? undefined : page.slice(extraStart, extraEnd),
      identity: identityField === 0 ? undefined : page.slice(identityStart, identityEnd),
      baseBatchSequence: Number(view.getBigUint64(64, true)),
      predecessorEnd: Number(view.getBigUint64(72, true)),
      headEnd: Number(view.getBigUint64(80, true)),
      predecessorSalt: view.getUint32(88, true),
    },
  };
}

/**
 * The value of a length field: one more than the length, so that 0 means absent and 1 means empty.
 */
function lengthField(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : bytes.length + 1;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
