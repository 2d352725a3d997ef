import type { Mutant } from '../mutant.ts';

const written = 'wal-native/test/written-batch.test.ts';
const order = 'wal-native/test/segment-order.test.ts';

/** Errors in the fields of written frames, in the memory of the encoder, and in what is missing. */
export const walNativeBytes: readonly Mutant[] = [
  {
    name: 'segments are read in the order in which the file system lists them',
    file: 'wal-native/src/recovery/list-log.ts',
    find: '  segments.sort((left, right) => left.segmentId - right.segmentId);\n',
    replace: '',
    caughtBy: [order, 'is in the order of their ids'],
  },
  {
    name: 'only every other segment is looked for',
    file: 'wal-native/src/recovery/read-log.ts',
    find: 'id <= newest.header.segmentId; id += 1',
    replace: 'id <= newest.header.segmentId; id += 2',
    caughtBy: [order, 'is believed if only the second of its three segments is missing'],
  },
  {
    name: 'the last entry of a lost batch is not reported',
    file: 'wal-native/src/recovery/scan-after-stop.ts',
    find: '      note(commit.lastIndex);\n',
    replace: '',
    caughtBy: [order, 'has all its entries in the report'],
  },
  {
    name: 'the head of a segment has no term for the last entry',
    file: 'wal-native/src/writer/create-segment.ts',
    find: 'tailFrame(index.lastIndex, index.term(index.lastIndex) ?? 0)',
    replace: 'tailFrame(index.lastIndex, 0)',
    caughtBy: [written, 'names the last entry with its term'],
  },
  {
    name: 'the head of a segment records bytes before itself as durable',
    file: 'wal-native/src/writer/create-segment.ts',
    find: 'batchNumber: 0, durableUpTo: 0 }',
    replace: 'batchNumber: 0, durableUpTo: 1 }',
    caughtBy: [written, 'records nothing as durable before itself'],
  },
  {
    name: 'a commit frame has the flags of the frame before it',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: '    header.flags = 0;\n',
    replace: '',
    caughtBy: [written, 'has no flags, index or term'],
  },
  {
    name: 'a commit frame has the index of the frame before it',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: '    header.index = 0;\n',
    replace: '',
    caughtBy: [written, 'has no flags, index or term'],
  },
  {
    name: 'the encoder sets memory aside for payloads that it does not copy',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: 'if (data !== undefined && data.length >= copyBytesMax) bytes -= data.length;',
    replace: '',
    caughtBy: [written, 'has no copy of payloads that are passed to the disk'],
  },
  {
    name: 'a batch that fills the rest of a segment goes into the next one',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: 'return needed <= this.segment.header.segmentBytes;',
    replace: 'return needed < this.segment.header.segmentBytes;',
    caughtBy: [written, 'fits, and does not fit into one byte less: 5 entries'],
  },
];
