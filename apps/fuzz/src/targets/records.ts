/**
 * Small files and texts beside the log: identity records, introductions, record files, lock files,
 * names.
 */
import { crc32 } from 'node:zlib';
import { Finding, type Decoder, type Target } from '../decoder.ts';
import {
  etcdName,
  identityRecord,
  introductions,
  lockRecords,
  logIdentity,
  nativeName,
  recordFiles,
  snapshotOwner,
  syncRecordFiles,
} from '../internals.ts';
import { checkId, roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';

const unreadable = ['RAFT_STATE_UNREADABLE'];
const hex = (digit: string): string => digit.repeat(32);

const identityRecords: Decoder = {
  name: 'raft/decodeIdentityRecord',
  form: 'json',
  samples: [
    identityRecord.encodeIdentityRecord({
      logId: hex('1'),
      cluster: { origin: hex('a'), birth: hex('b'), previous: [] },
      startCount: 3,
      committedIndex: 2 ** 53 - 1,
      members: new Map([[2n, { logId: hex('2'), startCount: 1, run: 5, durableIndex: 9 }]]),
      boundTo: { index: 1, term: 1, checksum: 2 ** 32 - 1 },
    }),
  ],
  run: roundTrip({
    decode: identityRecord.decodeIdentityRecord,
    encode: identityRecord.encodeIdentityRecord,
    documented: unreadable,
    check: ({ members }) => {
      for (const id of members.keys()) checkId('the id of a known member', id);
    },
  }),
};

const introduced: Decoder = {
  name: 'raft/decodeIntroduction',
  form: 'json',
  samples: [
    bytesOf(
      introductions.encodeIntroduction({
        origin: hex('a'),
        birth: hex('b'),
        logId: hex('1'),
        startCount: 1,
        run: 2 ** 32 - 1,
        lastIndex: 20,
        commitIndex: 19,
        marks: [{ index: 20, term: 2, checksum: 3 }],
        clockMs: 1_800_000_000_000,
      }),
    ),
  ],
  run: roundTrip({
    decode: (bytes) => introductions.decodeIntroduction(Buffer.from(bytes).toString()),
    encode: (value) =>
      value === undefined ? bytesOf('') : bytesOf(introductions.encodeIntroduction(value)),
    documented: [],
  }),
};

const logIdentities: Decoder = {
  name: 'raft/decodeLogIdentity',
  form: 'bytes',
  samples: [
    logIdentity.encodeLogIdentity({ logId: hex('1'), origin: hex('2') }),
    logIdentity.encodeLogIdentity({ logId: hex('1'), origin: undefined }),
  ],
  run: roundTrip({
    decode: logIdentity.decodeLogIdentity,
    encode: logIdentity.encodeLogIdentity,
    documented: unreadable,
    isCanonical: true,
  }),
};

const snapshotOwners: Decoder = {
  name: 'raft/decodeSnapshotOwner',
  form: 'json',
  samples: [
    snapshotOwner.encodeSnapshotOwner({
      logId: hex('1'),
      startCount: 1,
      recordedIndex: 5,
      committedIndex: 6,
    }),
  ],
  run: roundTrip({
    decode: snapshotOwner.decodeSnapshotOwner,
    encode: snapshotOwner.encodeSnapshotOwner,
    documented: unreadable,
  }),
};

const lockFiles: Decoder = {
  name: 'vfs/decodeRecord of a lock',
  covers: ['vfs/decodeRecord'],
  form: 'json',
  samples: [
    lockRecords.encodeRecord({
      token: hex('3'),
      owner: { pid: 7, host: 'host', bootId: null, pidNamespace: '4026531836', startTicks: '12' },
      since: '2026-01-01T00:00:00.000Z',
    }),
  ],
  run: roundTrip({
    decode: lockRecords.decodeRecord,
    encode: (record) => (record === undefined ? bytesOf('') : lockRecords.encodeRecord(record)),
    documented: [],
    check: (record) => {
      if (record !== undefined) lockRecords.describeOwner(record);
    },
  }),
};

/** The offset of the checksum in a record file. It covers all other bytes. */
const recordChecksumAt = 16;

const records: Decoder = {
  name: 'vfs/decodeRecord of a file',
  form: 'bytes',
  samples: [
    recordFiles.encodeRecord(bytesOf('{"version":1}')),
    recordFiles.encodeRecord(bytesOf('')),
  ],
  seal: (input) => {
    if (input.length < recordChecksumAt + 4) return input;
    const sealed = Uint8Array.from(input);
    const checksum = crc32(
      sealed.subarray(recordChecksumAt + 4),
      crc32(sealed.subarray(0, recordChecksumAt)),
    );
    new DataView(sealed.buffer).setUint32(recordChecksumAt, checksum, true);
    return sealed;
  },
  run: (input) => {
    const record = recordFiles.decodeRecord(input);
    if (record.kind !== 'whole') return { kind: 'value', value: record };
    if (record.bytes.buffer === input.buffer) {
      throw new Finding('the bytes of a record are a view into the file that was read');
    }
    if (Buffer.compare(recordFiles.encodeRecord(record.bytes), input) !== 0) {
      throw new Finding('the bytes of a record are another file when they are encoded again');
    }
    return { kind: 'value', value: record };
  },
};

const syncRecords: Decoder = {
  name: 'wal-level-disk/decodeSyncRecord',
  form: 'bytes',
  samples: [syncRecordFiles.encodeSyncRecord(5n, 2 ** 40)],
  seal: (input) => {
    const sealed = paddedTo(input, syncRecordBytes);
    new DataView(sealed.buffer).setUint32(32, crc32(sealed.subarray(0, 32)));
    return sealed;
  },
  run: (input) => {
    // The reader gives it 512 bytes, whatever the file is.
    const batch = syncRecordFiles.decodeSyncRecord(5n, paddedTo(input, 512));
    if (batch !== undefined && !(Number.isSafeInteger(batch) && batch >= 0)) {
      throw new Finding(`the sync record names batch ${batch}`);
    }
    return { kind: 'value', value: batch };
  },
};

const syncRecordBytes = 36;

function paddedTo(input: Uint8Array, bytes: number): Uint8Array {
  const padded = new Uint8Array(bytes);
  padded.set(input.subarray(0, bytes));
  return padded;
}

/** Names of files are read with each kind of log: a directory may hold anything. */
const segmentNames: Decoder = {
  name: 'wal-native/parseSegmentName',
  covers: ['wal-etcd/parseSegmentName'],
  form: 'bytes',
  samples: [
    bytesOf(nativeName.segmentName(1, 0xffff_ffff).fileName),
    bytesOf(nativeName.segmentName(2 ** 53 - 1, 0).fileName),
    bytesOf(etcdName.segmentName(2n ** 64n - 1n, 5n).fileName),
    bytesOf('1-2.wal.wal'),
  ],
  run: (input) => {
    const name = Buffer.from(input).toString();
    const native = nativeName.parseSegmentName(name);
    if (
      native !== undefined &&
      nativeName.segmentName(native.segmentId, native.salt).fileName !== name
    ) {
      throw new Finding('a name of a native segment is not the one that its parts have');
    }
    const etcd = etcdName.parseSegmentName(name);
    if (etcd !== undefined) {
      checkId('the sequence of a segment of etcd', etcd.sequence);
      checkId('the index of a segment of etcd', etcd.firstIndex);
    }
    return { kind: 'value', value: [native, etcd] };
  },
};

export const smallRecords: Target = {
  name: 'records',
  description:
    'identity records, introductions, record files, lock files, sync records, names of segments',
  decoders: [
    identityRecords,
    introduced,
    logIdentities,
    snapshotOwners,
    lockFiles,
    records,
    syncRecords,
    segmentNames,
  ],
};
