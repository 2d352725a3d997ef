/**
 * The log in etcd's format: messages, records and frames, and the recovery of a whole directory.
 */
import type { Environment } from '@babuza/vfs';
import { EtcdWalManager } from '@babuza/wal-etcd';
import { Finding, refusal, type Decoder, type Target } from '../decoder.ts';
import { etcdEntryNumbers, etcdMessages, etcdMetadata, etcdRecord } from '../internals.ts';
import { baseLogs } from '../logs/base-logs.ts';
import { etcdEditKinds, forgeEtcd } from '../logs/etcd-files.ts';
import { directory, logDecoder } from '../logs/open-forged.ts';
import { roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';
import { encodeEntry } from '@babuza/raftpb';

const open = (environment: Environment): EtcdWalManager =>
  new EtcdWalManager(directory, { segmentBytes: 16 * 1024, environment });

const recovery = logDecoder({
  name: 'wal-etcd/recovery',
  covers: [
    'wal-etcd/readLengthField',
    'wal-etcd/readRecordChecksum',
    'wal-etcd/scanSegment',
    'wal-etcd/readLog',
  ],
  logs: await baseLogs(open),
  open,
  forge: forgeEtcd,
  editKinds: etcdEditKinds,
});

const documented = ['RAFTPB_DECODE'];
const max = 2n ** 64n - 1n;
const confState = {
  voters: [1n, max],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function messages<Value>(
  name: string,
  decode: (bytes: Uint8Array) => Value,
  encode: (value: Value) => Uint8Array,
  samples: readonly Value[],
): Decoder {
  return {
    name: `wal-etcd/${name}`,
    form: 'protobuf',
    samples: samples.map(encode),
    run: roundTrip({ decode, encode, documented }),
  };
}

const metadata: Decoder = {
  name: 'wal-etcd/decodeMetadata',
  form: 'protobuf',
  samples: (['babuza', 'etcd'] as const).map((form) =>
    etcdMetadata.encodeMetadata(
      {
        clusterId: max,
        nodeId: 1n,
        entryBytesMax: 1024,
        extra: bytesOf('extra'),
        identity: bytesOf('identity'),
      },
      7n,
      form,
    ),
  ),
  run: roundTrip({
    decode: (bytes) => etcdMetadata.decodeMetadata(bytes, 'file'),
    documented: ['WAL_FOREIGN', 'WAL_VERSION'],
  }),
};

const entrySamples = [
  encodeEntry({ index: 300, term: 2, type: 0, data: bytesOf('payload') }, 'all'),
  encodeEntry({ index: 2 ** 53 - 1, term: 2 ** 40, type: 2 }),
];

/** Index and term of an entry, read in place or through raftpb: both must say the same. */
const entryNumbers: Decoder = {
  name: 'wal-etcd/readEntryNumbers',
  form: 'protobuf',
  samples: entrySamples,
  run: (input) => {
    const numbers = etcdEntryNumbers.newEntryNumbers();
    try {
      etcdEntryNumbers.readEntryNumbers(input, 0, input.length, numbers);
    } catch (error) {
      return refusal(error, documented);
    }
    const { index, term, type, data } = etcdMessages.decodeEtcdEntry(input);
    const isSame =
      BigInt(numbers.index) === index &&
      BigInt(numbers.term) === term &&
      numbers.type === type &&
      numbers.hasData === (data !== undefined);
    if (!isSame) throw new Finding('an entry has other numbers than when it is read as a message');
    return { kind: 'value', value: numbers };
  },
};

const record: Decoder = {
  name: 'wal-etcd/parseRecord',
  form: 'protobuf',
  samples: [undefined, bytesOf('data')].map((data) => {
    const head = etcdRecord.recordHeadBytes(2, 2 ** 32 - 1, data?.length);
    const bytes = new Uint8Array(head + (data?.length ?? 0));
    etcdRecord.writeRecordHead(bytes, 0, 2, 2 ** 32 - 1, data?.length);
    bytes.set(data ?? [], head);
    return bytes;
  }),
  run: (input) => {
    const parsed = etcdRecord.newRecord();
    if (!etcdRecord.parseRecord(input, 0, input.length, parsed)) {
      return { kind: 'value', value: undefined };
    }
    const { crc, dataStart, dataEnd, hasData } = parsed;
    const isInside =
      !hasData || (dataStart <= dataEnd && dataEnd <= input.length && dataStart >= 0);
    if (!isInside) throw new Finding('the data of a record lie outside of it');
    if (crc !== crc >>> 0) throw new Finding(`a record has the checksum ${crc}`);
    return { kind: 'value', value: parsed };
  },
};

export const etcd: Target = {
  name: 'etcd',
  description:
    "messages and records of a log in etcd's format, and the recovery of forged directories",
  decoders: [
    { ...recovery, weight: 12 },
    messages('decodeEtcdEntry', etcdMessages.decodeEtcdEntry, etcdMessages.encodeEtcdEntry, [
      { type: 0, term: max, index: 1n, data: bytesOf('payload') },
    ]),
    messages(
      'decodeEtcdHardState',
      etcdMessages.decodeEtcdHardState,
      etcdMessages.encodeEtcdHardState,
      [{ term: 1n, vote: max, commit: 128n }],
    ),
    messages(
      'decodeEtcdSnapshot',
      etcdMessages.decodeEtcdSnapshot,
      etcdMessages.encodeEtcdSnapshot,
      [
        { index: 1n, term: 2n, confState },
        { index: 1n, term: 2n },
      ],
    ),
    messages(
      'decodeEtcdMetadata',
      etcdMessages.decodeEtcdMetadata,
      etcdMessages.encodeEtcdMetadata,
      [{ nodeId: 1n, clusterId: max }],
    ),
    metadata,
    entryNumbers,
    record,
  ],
};
