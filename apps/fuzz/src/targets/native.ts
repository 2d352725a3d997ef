/**
 * The native log: segments, frames, footers and marks, through the recovery of a whole directory.
 */
import { NativeWalManager } from '@babuza/wal-native';
import type { Environment } from '@babuza/vfs';
import { Finding, type Decoder, type Target } from '../decoder.ts';
import { nativeHeader, nativeLayout, nativeSeal, nativeChecksum } from '../internals.ts';
import { baseLogs } from '../logs/base-logs.ts';
import { forgeNative, nativeEditKinds } from '../logs/native-files.ts';
import { directory, logDecoder } from '../logs/open-forged.ts';

const open = (environment: Environment): NativeWalManager =>
  new NativeWalManager(directory, { segmentBytes: 16 * 1024, recycledMax: 0, environment });

const recovery = logDecoder({
  name: 'wal-native/recovery',
  covers: [
    'wal-native/readFrameHeader',
    'wal-native/readCommitBody',
    'wal-native/readFrame',
    'wal-native/scanSegment',
    'wal-native/scanAfterStop',
    'wal-native/readLog',
    'wal-native/readLogOnce',
  ],
  logs: await baseLogs(open),
  open,
  forge: forgeNative,
  editKinds: nativeEditKinds,
});

const pageBytes = nativeLayout.headerPageBytes;

const headerPage: Decoder = {
  name: 'wal-native/decodeHeaderPage',
  form: 'bytes',
  samples: [undefined, Uint8Array.from([1, 2])].map((identity) =>
    nativeHeader
      .encodeSegmentHeader({
        salt: 5,
        segmentId: 2,
        segmentBytes: 16_384,
        clusterId: 2n ** 64n - 1n,
        nodeId: 1n,
        groupId: 0n,
        entryBytesMax: 1024,
        extra: Uint8Array.from([7]),
        identity,
        baseBatchSequence: 9,
        predecessorEnd: 8192,
        predecessorSalt: 3,
        headEnd: 9000,
      })
      .slice(0, pageBytes),
  ),
  seal: (input) => {
    const sealed = input.slice(0, pageBytes);
    if (sealed.length < pageBytes) return sealed;
    const checksum = nativeChecksum.checksum(sealed.subarray(0, pageBytes - 4));
    new DataView(sealed.buffer).setUint32(pageBytes - 4, checksum, true);
    return sealed;
  },
  run: (input) => {
    const page = nativeHeader.decodeHeaderPage(input);
    if (page.kind !== 'ok') return { kind: 'value', value: page };
    const { header } = page;
    const isExact = [header.segmentId, header.segmentBytes, header.headEnd].every(
      Number.isSafeInteger,
    );
    const encoded = nativeHeader.encodeSegmentHeader(header).subarray(0, pageBytes);
    if (isExact && nativeHeader.decodeHeaderPage(encoded).kind !== 'ok') {
      throw new Finding('a header that was read cannot be read when it is written again');
    }
    return { kind: 'value', value: page };
  },
};

const segment = { salt: 5, segmentBytes: 16_384 };

const trailer: Decoder = {
  name: 'wal-native/decodeTrailer',
  form: 'bytes',
  samples: [
    nativeSeal
      .encodeSeal(segment, [{ firstIndex: 1, offsets: [1024, 1030] }], {
        framesEnd: 9000,
        lastBatchNumber: 4,
        nextSalt: 6,
      })
      .slice(-nativeLayout.trailerBytes),
  ],
  seal: (input) => {
    const sealed = paddedTrailer(input);
    const seed = nativeChecksum.frameSeed(segment.salt, segment.segmentBytes - sealed.length);
    const checksum = nativeChecksum.checksum(sealed.subarray(4), seed);
    new DataView(sealed.buffer).setUint32(0, checksum, true);
    return sealed;
  },
  run: (input) => {
    // The reader gives it the last 64 bytes of a file that has as many.
    const seal = nativeSeal.decodeTrailer(paddedTrailer(input), segment);
    if (seal !== undefined && seal.footerOffset + seal.footerBytes > segment.segmentBytes) {
      throw new Finding('a footer ends behind its segment');
    }
    return { kind: 'value', value: seal };
  },
};

function paddedTrailer(input: Uint8Array): Uint8Array {
  const padded = new Uint8Array(nativeLayout.trailerBytes);
  padded.set(input.subarray(0, padded.length));
  return padded;
}

export const native: Target = {
  name: 'native',
  description:
    'segments, frames and footers of a native log, and the recovery of forged directories',
  decoders: [{ ...recovery, weight: 8 }, headerPage, trailer],
};
