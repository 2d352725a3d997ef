/**
 * The encoding of the seal of a full segment: an index footer and, in the last 64 bytes of the
 * file, a trailer. The footer has the offsets of the entries, so that a reader can load the index
 * of a segment without scanning it. Numbers are little-endian.
 *
 *      footer:   for each run   first index u64 · entries u32 · zero u32 · offset / 8 as u32 each
 *      trailer:  0 checksum of the rest (seeded as a frame at its offset)   4 magic "SEAL"
 *                8 end of the frames u64      16 last batch number u32      20 runs u32
 *                24 offset of the footer u64  32 length of the footer u32   36 its CRC-32
 *                40 salt of the successor u32 44 zero up to 64
 *
 * The footer lists the entries of the segment that were live when it was sealed. Later segments may
 * have superseded some of them.
 */
import { checksum, frameSeed } from './checksum.ts';
import { alignedBytes, footerEntryBytes, footerRunBytes, trailerBytes } from './layout.ts';

const sealMagic = 0x4c414553;

/** Entries with consecutive indexes in one segment. */
export interface WrittenRun {
  readonly firstIndex: number;
  /** Offsets divided by 8. */
  readonly offsets: readonly number[];
}

export interface Seal {
  readonly framesEnd: number;
  readonly lastBatchNumber: number;
  readonly footerOffset: number;
  readonly footerBytes: number;
  readonly footerChecksum: number;
  readonly runCount: number;
  readonly nextSalt: number;
}

/** The bytes of the seal of a segment with so many runs and entries. */
export function sealBytes(runs: number, entries: number): number {
  return alignedBytes(runs * footerRunBytes + entries * footerEntryBytes) + trailerBytes;
}

/** Encodes footer and trailer as one block for the end of the file. */
export function encodeSeal(
  segment: { salt: number; segmentBytes: number },
  runs: readonly WrittenRun[],
  seal: Pick<Seal, 'framesEnd' | 'lastBatchNumber' | 'nextSalt'>,
): Uint8Array {
  const entries = runs.reduce((sum, run) => sum + run.offsets.length, 0);
  const block = new Uint8Array(sealBytes(runs.length, entries));
  const view = new DataView(block.buffer);
  let at = 0;
  for (const run of runs) {
    view.setBigUint64(at, BigInt(run.firstIndex), true);
    view.setUint32(at + 8, run.offsets.length, true);
    at += footerRunBytes;
    for (const offset of run.offsets) {
      view.setUint32(at, offset, true);
      at += footerEntryBytes;
    }
  }
  const trailerAt = block.length - trailerBytes;
  view.setUint32(trailerAt + 4, sealMagic, true);
  view.setBigUint64(trailerAt + 8, BigInt(seal.framesEnd), true);
  view.setUint32(trailerAt + 16, seal.lastBatchNumber, true);
  view.setUint32(trailerAt + 20, runs.length, true);
  view.setBigUint64(trailerAt + 24, BigInt(segment.segmentBytes - block.length), true);
  view.setUint32(trailerAt + 32, trailerAt, true);
  view.setUint32(trailerAt + 36, checksum(block.subarray(0, trailerAt)), true);
  view.setUint32(trailerAt + 40, seal.nextSalt, true);
  view.setUint32(trailerAt, trailerChecksum(block.subarray(trailerAt), segment), true);
  return block;
}

/** Decodes the trailer of a segment; `undefined` if it is not valid. */
export function decodeTrailer(
  trailer: Uint8Array,
  segment: { salt: number; segmentBytes: number },
): Seal | undefined {
  const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength);
  if (view.getUint32(4, true) !== sealMagic) return undefined;
  if (view.getUint32(0, true) !== trailerChecksum(trailer, segment)) return undefined;
  if (trailer.subarray(44, trailerBytes).some((byte) => byte !== 0)) return undefined;
  const footerOffset = Number(view.getBigUint64(24, true));
  const footerBytes = view.getUint32(32, true);
  if (footerOffset + footerBytes + trailerBytes !== segment.segmentBytes) return undefined;
  return {
    framesEnd: Number(view.getBigUint64(8, true)),
    lastBatchNumber: view.getUint32(16, true),
    footerOffset,
    footerBytes,
    footerChecksum: view.getUint32(36, true),
    runCount: view.getUint32(20, true),
    nextSalt: view.getUint32(40, true),
  };
}

/** Whether `footer` is the one that the seal describes. */
export function footerMatches(footer: Uint8Array, seal: Seal): boolean {
  return footer.length === seal.footerBytes && checksum(footer) === seal.footerChecksum;
}

function trailerChecksum(
  trailer: Uint8Array,
  segment: { salt: number; segmentBytes: number },
): number {
  const seed = frameSeed(segment.salt, segment.segmentBytes - trailerBytes);
  return checksum(trailer.subarray(4, trailerBytes), seed);
}
