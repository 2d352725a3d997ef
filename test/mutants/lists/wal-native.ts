import type { Mutant } from '../mutant.ts';

export const walNative: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'the footer of the entries of the group itself is not counted',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: 'sealBytes(1, this.#entries) + group.entryCount * footerEntryBytes + 8;',
    replace: 'sealBytes(1, this.#entries) + 8;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'is met by a save of 100 entries'],
  },
  {
    name: 'a longer segment has no room for the footer of its batch',
    file: 'wal-native/src/writer/create-segment.ts',
    find: 'sealBytes(1, group?.entryCount ?? 0)',
    replace: 'sealBytes(1, 0)',
    caughtBy: ['wal-native/test/sizes.test.ts', 'whose segment is longer'],
  },
  {
    name: 'a segment that was opened again forgets how many entries its footer lists',
    file: 'wal-native/src/recovery/read-log.ts',
    find: 'if (frame.kind === FrameKind.Entry) entries += 1;',
    replace: 'if (frame.kind === FrameKind.Entry) entries = 1;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'is met by a save of 100 entries'],
  },
  {
    name: 'a marker that resets the log is recorded as one that matches',
    file: 'wal-native/src/writer/group-encoder.ts',
    find: 'markerFrame(plan.marker, plan.resets)',
    replace: 'markerFrame(plan.marker, false)',
    caughtBy: ['wal-native/test/shapes.test.ts', 'with a save of every shape, alone'],
  },
  {
    name: 'a commit index that is saved alone is never written',
    file: 'wal-native/src/native-store.ts',
    find: 'hardState.vote === vote && hardState.commit === commit;',
    replace: 'hardState.vote === vote;',
    caughtBy: ['wal-native/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'the hard state of a refused group is kept for the next one',
    file: 'wal-native/src/native-store.ts',
    find: 'if (isRefusal(error)) this.#unwrittenHardState = unwrittenBefore;',
    replace: '',
    caughtBy: ['wal-native/test/shapes.test.ts', 'and a save of every shape, alone'],
  },
  {
    name: 'a recovery writes the last mebibyte again only',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'writeAgain(segment.file, last.durableUpTo,',
    replace:
      'writeAgain(segment.file, Math.max(last.durableUpTo, last.stop.batchStart - rewriteBytesMax),',
    caughtBy: ['wal-native/test/sizes.test.ts', 'more than two mebibytes'],
  },
  {
    name: 'a recovery does not write the last piece of a batch again',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'for (let offset = start; offset < end; offset += buffer.length)',
    replace: 'for (let offset = start; offset + buffer.length <= end; offset += buffer.length)',
    caughtBy: ['wal-native/test/sizes.test.ts', 'more than two mebibytes'],
  },
  {
    name: 'a large payload is not padded to the next frame',
    file: 'wal-native/src/writer/group-encoder.ts',
    find: `    this.#filled += padding;
    return value;`,
    replace: '    return value;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'payloads around the size that is copied'],
  },
  {
    name: 'a purge releases the first segment that is needed, too',
    file: 'wal-native/src/purge/release-segments.ts',
    find: 'segments.removeBelow(belowSegmentId)',
    replace: 'segments.removeBelow(belowSegmentId + 1)',
    caughtBy: [
      'wal-native/test/sizes.test.ts',
      'that waits for nothing, with a crash at every call',
    ],
  },
  {
    name: 'the saves of a group share the position of the first one',
    file: 'wal-native/src/native-store.ts',
    find: 'const placed = this.#placed.shift();',
    replace: 'const placed = this.#placed[0];',
    caughtBy: [
      'wal-native/test/shapes.test.ts',
      'and a save of every shape, first, before saves with a sync',
    ],
  },
  {
    name: 'the head of a segment leaves out the markers',
    file: 'wal-native/src/writer/create-segment.ts',
    find: '...state.markers.map((marker) => markerFrame(marker, false)),',
    replace: '',
    caughtBy: ['wal-native/test/sizes.test.ts', 'and of the one that has the newest marker'],
  },
];
