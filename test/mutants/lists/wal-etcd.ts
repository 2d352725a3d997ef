import type { Mutant } from '../mutant.ts';

export const walEtcd: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'a recovery writes one mebibyte again and not four',
    file: 'wal-etcd/src/recovery/append-point.ts',
    find: 'end - bytesBetweenSyncsMax)',
    replace: 'end - bytesBetweenSyncsMax / 4)',
    caughtBy: ['wal-etcd/test/sizes.test.ts', '4194304 bytes, of which a sync fails'],
  },
  {
    name: 'a save of more than four mebibytes is synced once',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'const pieces = durable && bytes > bytesBetweenSyncsMax;',
    replace: 'const pieces = false as boolean;',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'a part more than is written between two syncs'],
  },
  {
    name: 'entries behind a marker come before the hard state that covers it',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `      this.#coverMarker(index, hardState);
`,
    replace: '',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'with a save of every shape, alone'],
  },
  {
    name: 'a refused hard state is written with the next group',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `    this.#unwrittenHardState = unwritten;
    this.#writtenHardState = written;`,
    replace: '',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'and a save of every shape, alone'],
  },
  {
    name: 'the position of the last record is not taken back with a refused group',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `    this.#lastOffset = mark.lastOffset;
`,
    replace: '',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'and a save of every shape, alone'],
  },
  {
    name: 'the checksum is not taken back with a refused group',
    file: 'wal-etcd/src/writer/record-encoder.ts',
    find: `  rollBack({ checksum, pages }: EncoderMark): void {
    this.checksum = checksum;`,
    replace: '  rollBack({ pages }: EncoderMark): void {',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'and a save of every shape, alone'],
  },
  {
    name: 'the removals of a purge share one sync of the directory',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: '      await this.#fileSystem.syncDirectory(this.#directory);',
    replace:
      '      if (this.#waiting.length === 1) await this.#fileSystem.syncDirectory(this.#directory);',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'that waits for nothing, with a crash at every call'],
  },
  {
    name: 'a purge releases the segment that tells the term before the log',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'Math.min(this.#base.segmentId, ...needed)',
    replace: 'Math.min(this.#base.segmentId + 1, ...needed)',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'that waits for nothing, with a crash at every call'],
  },
  {
    name: 'room is made for the head of an entry only',
    file: 'wal-etcd/src/writer/record-encoder.ts',
    find: '(copies ? (dataBytes ?? 0) : (data?.length ?? 0))',
    replace: '(data?.length ?? 0)',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'payloads around the size that is copied'],
  },
  {
    name: 'a hard state that raises only the commit index counts as the same',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'left.vote === right.vote && left.commit === right.commit',
    replace: 'left.vote === right.vote',
    caughtBy: ['wal-etcd/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'what a torn write left behind the last record is not made zero',
    file: 'wal-etcd/src/recovery/append-point.ts',
    find: 'end + leftover - offset',
    replace: 'end - offset',
    caughtBy: ['wal-etcd/test/sizes.test.ts', '1048576 bytes, with a crash'],
  },
  {
    name: 'the saves of a group share the positions of the first one',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'const positions = this.#placed.shift()?.positions ?? [];',
    replace: 'const positions = this.#placed[0]?.positions ?? [];',
    caughtBy: ['wal-etcd/test/conformance.test.ts', 'each two shapes of saves in one group'],
  },
];
