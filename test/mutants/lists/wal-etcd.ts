import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-etcd/test/interleavings.test.ts';
const faults = 'wal-etcd/test/concurrent-faults.test.ts';

export const walEtcd: readonly Mutant[] = [
  // Errors in single lines of each source file, with the histories that show them.
  {
    name: 'a refused hard state counts as written',
    file: 'wal-files/src/hard-state-writes.ts',
    find: 'this.#written = this.#writtenBefore;',
    replace: '',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'does not count as written: rename'],
    promise: 'shortage',
  },
  {
    name: 'records of a refused group stay in the buffer',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'writer.rollBack(mark);',
    replace: '',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'does not count as written: rename'],
    promise: 'shortage',
  },
  {
    name: 'a reset does not move the start of the log',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'if (plan.resets) this.#start = { segmentId: this.#segmentId, position: undefined };',
    replace: '',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'lets a purge remove all segments'],
  },
  {
    name: 'a close does not write the last commit index',
    file: 'wal-etcd/src/etcd-store.ts',
    find: '        this.#addUnwrittenHardState();\n        await translating',
    replace: '        await translating',
    caughtBy: [
      'wal-etcd/test/histories.test.ts',
      'makes the newest unwritten commit index durable',
    ],
  },
  {
    name: 'a close does not sync what was written without syncs',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'await translating(commitFailure, () => writer.flush(true));',
    replace: 'await translating(commitFailure, () => writer.flush(!this.#noFsync));',
    caughtBy: ['wal-etcd/test/no-fsync.test.ts', '(60 times 1000 bytes, inline false)'],
    promise: 'power cut',
  },
  {
    name: 'entries above the newest marker are dropped by an entry that etcd passes over',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'if (last > (state.markers.at(-1)?.index ?? 0)) {',
    replace: 'if (last >= (state.markers.at(-1)?.index ?? 0)) {',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'leaves the old log or the new one'],
  },
  {
    name: 'entries of a log that was written anew are looked for in the segment before',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'this.#segmentId = start.segmentId;',
    replace: '',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'keeps the snapshot, and the entries up to it'],
  },
  {
    name: 'a large save is not synced in pieces',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'const pieces = durable && bytes > bytesBetweenSyncsMax;',
    replace: 'const pieces = false;',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'is synced at least every 4 MiB'],
    promise: 'recovery',
  },
  {
    name: 'the end of a full segment is not synced',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: '      await full.file.truncate(this.#end);\n      await full.file.datasync();',
    replace:
      '      await full.file.truncate(this.#end);\n      if (durable) await full.file.datasync();',
    caughtBy: ['wal-etcd/test/no-fsync.test.ts', '(60 times 1000 bytes, inline false)'],
    promise: 'power cut',
  },
  {
    name: 'the pages of a new segment go on from the old one',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'this.#encoder.pages = new PageWriter(0);',
    replace: '',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'lets a purge remove all segments'],
  },
  {
    name: 'a segment is renamed again while its sync is pending',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'if (!pending.isRenamed) await environment',
    replace: 'await environment',
    caughtBy: ['wal-etcd/test/pending-rename.test.ts', 'open-directory, inline false'],
    promise: 'owed sync',
  },
  {
    name: 'a prepared file stays open after a failed cut',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: '      await spare.file.close().catch(() => undefined);\n      throw error;',
    replace: '      throw error;',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'removes no old segment before'],
  },
  {
    name: 'records are written to a segment whose rename is pending',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'if (bytes !== 0) await this.#finishRename();',
    replace: '',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'does not count as written: rename'],
    promise: 'owed sync',
  },
  {
    name: 'a refused group leaves the position of its last record',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'lastOffset = mark.lastOffset;',
    replace: 'lastOffset = this.#lastOffset;',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'leaves nothing behind'],
    promise: 'shortage',
  },
  {
    name: 'a log that is written again loses the marker after its start',
    file: 'wal-etcd/src/writer/rewrite-log.ts',
    find: 'if (marker.index > state.baseIndex) addMarker',
    replace: 'if (marker.index > state.baseIndex + 1) addMarker',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'keeps the snapshot, and the entries up to it'],
    promise: 'killed process',
  },
  {
    name: 'an empty payload is written as none',
    file: 'wal-etcd/src/writer/record-encoder.ts',
    find: '    if (data !== undefined) end = writeNumber(head, end, dataTag, data.length);',
    replace:
      '    if (data !== undefined && data.length > 0) end = writeNumber(head, end, dataTag, data.length);',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'of one entry keeps its payload'],
    promise: 'killed process',
  },
  {
    name: 'a refused creation of a log in the format of etcd leaves its files behind',
    file: 'wal-etcd/src/writer/create-log.ts',
    find: 'for (const name of [path, spare.path]) {',
    replace: 'for (const name of [spare.path]) {',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'leaves no log behind'],
    promise: 'first start',
  },
  {
    name: 'a single entry is handed out in memory that is used again',
    file: 'wal-etcd/src/segment/entry-reader.ts',
    find: 'return single && first.data !== undefined\n',
    replace: 'return single && first.data === undefined\n',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'of one entry keeps its payload'],
  },
  {
    name: 'a gap in the segments is accepted',
    file: 'wal-etcd/src/recovery/read-log.ts',
    find: 'if (skipped.length === 0 || first.firstIndex === 0n) return;\n  if (state.validMarkers().length > 0) return;',
    replace: 'return;',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'in the middle is damage'],
    promise: 'damage',
  },
  {
    name: 'a refused log stays open',
    file: 'wal-etcd/src/recovery/read-log.ts',
    find: '    await closeSegments(opened).catch(() => undefined);\n    throw error;',
    replace: '    throw error;',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'in the middle is damage'],
  },
  {
    name: 'a removal whose sync is pending is made again',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: 'if (!this.#syncIsPending) await this.#fileSystem.unlink(oldestPath);',
    replace: 'await this.#fileSystem.unlink(oldestPath);',
    caughtBy: ['wal-etcd/test/purge-order.test.ts', 'leaves no gap: open-directory'],
    promise: 'purge',
  },
  // Sizes and shapes of saves.
  {
    name: 'a recovery writes one mebibyte again and not four',
    file: 'wal-etcd/src/recovery/append-point.ts',
    find: 'end - bytesBetweenSyncsMax)',
    replace: 'end - bytesBetweenSyncsMax / 4)',
    caughtBy: ['wal-etcd/test/sizes.test.ts', '4194304 bytes, with a failed sync'],
    promise: 'recovery',
  },
  {
    name: 'a save of more than four mebibytes is synced once',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'const pieces = durable && bytes > bytesBetweenSyncsMax;',
    replace: 'const pieces = false as boolean;',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'more bytes than the limit between two syncs'],
    promise: 'recovery',
  },
  {
    name: 'entries behind a marker come before the hard state that covers it',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `      this.#coverMarker(index, hardState);
`,
    replace: '',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'with a save of every shape, alone'],
    promise: 'unacknowledged save',
  },
  {
    name: 'a refused hard state is written with the next group',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'this.#hardStates.undo();',
    replace: '',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'and a save of every shape, alone'],
    promise: 'full disk',
  },
  {
    name: 'the position of the last record is not taken back with a refused group',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `    this.#lastOffset = mark.lastOffset;
`,
    replace: '',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'and a save of every shape, alone'],
    promise: 'full disk',
  },
  {
    name: 'the checksum is not taken back with a refused group',
    file: 'wal-etcd/src/writer/record-encoder.ts',
    find: `  rollBack({ checksum, pages }: EncoderMark): void {
    this.checksum = checksum;`,
    replace: '  rollBack({ pages }: EncoderMark): void {',
    caughtBy: ['wal-etcd/test/shapes.test.ts', 'and a save of every shape, alone'],
    promise: 'full disk',
  },
  {
    name: 'the removals of a purge share one sync of the directory',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: '    await this.#fileSystem.syncDirectory(this.#directory);',
    replace:
      '    if (this.#waiting.length === 1) await this.#fileSystem.syncDirectory(this.#directory);',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'on an idle log, with a crash at every call'],
    promise: 'purge',
  },
  {
    name: 'a purge releases the segment that tells the term before the log',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'const belowSegmentId = this.#start.segmentId;',
    replace: 'const belowSegmentId = this.#start.segmentId + 1;',
    caughtBy: ['wal-etcd/test/sizes.test.ts', 'on an idle log, with a crash at every call'],
    promise: 'purge',
  },
  {
    name: 'room is made for the head of an entry only',
    file: 'wal-etcd/src/writer/record-encoder.ts',
    find: 'this.#makeRoom(copies ? recordBytes : recordBytes - payloadBytes);',
    replace: 'this.#makeRoom(recordBytes - payloadBytes);',
    caughtBy: ['wal-etcd/test/record-encoder.test.ts', 'right whatever memory is left'],
  },
  {
    name: 'a hard state that raises only the commit index counts as the same',
    file: 'wal-files/src/hard-state-writes.ts',
    find: 'left.vote === right.vote && left.commit === right.commit',
    replace: 'left.vote === right.vote',
    caughtBy: ['wal-etcd/test/conformance.test.ts', 'a save of every shape, alone'],
    promise: 'killed process',
  },
  {
    name: 'the leftover of a torn write behind the last record is not made zero',
    file: 'wal-etcd/src/recovery/append-point.ts',
    find: 'end + leftover - offset',
    replace: 'end - offset',
    caughtBy: ['wal-etcd/test/sizes.test.ts', '1048576 bytes, with a crash'],
    promise: 'interrupted write',
  },
  {
    name: 'the saves of a group share the positions of the first one',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'const positions = this.#unpublished.shift()?.positions ?? [];',
    replace: 'const positions = this.#unpublished[0]?.positions ?? [];',
    caughtBy: ['wal-etcd/test/conformance.test.ts', 'each two shapes of saves in one commit batch'],
  },
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'the newest segments are removed first',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: `      this.#waiting.push({ path, bytes });`,
    replace: `      this.#waiting.unshift({ path, bytes });`,
    caughtBy: [interleavings, 'a purge of four segments without a marker, and a save'],
    promise: 'purge',
  },
  {
    name: 'the records behind a new segment do not wait for its name to be durable',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `      pending.isRenamed = true;
      await environment.fileSystem.syncDirectory(directory);`,
    replace: `      pending.isRenamed = true;
      void environment.fileSystem.syncDirectory(directory).catch(() => undefined);`,
    caughtBy: [
      interleavings,
      'saves around the beginning of a segment and a purge that gives two back',
    ],
    promise: 'new segment',
  },
  {
    name: 'the full segment is not synced when it ends with the records of a save',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `      await this.flush(durable);
      await full.file.truncate(this.#end);
      await full.file.datasync();`,
    replace: `      await this.flush(false);
      await full.file.truncate(this.#end);`,
    caughtBy: [
      interleavings,
      'saves around the beginning of a segment and a purge that gives two back',
    ],
    promise: 'power cut',
  },
  {
    name: 'a commit index that has no record yet is not written by the close',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `        this.#addUnwrittenHardState();
        await translating(commitFailure, () => writer.flush(true));`,
    replace: `        await translating(commitFailure, () => writer.flush(true));`,
    caughtBy: [interleavings, 'a commit index, the mark of an idle log, a save and the close'],
  },
  {
    name: 'the term before the log is not kept by a purge',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `    const run = state.index.runOf(index);
    this.#start = { segmentId: run.segmentId, position: run.offsetOf(index) };`,
    replace: `    const run = state.index.runOf(Math.min(index + 1, state.index.lastIndex));
    this.#start = { segmentId: run.segmentId, position: run.offsetOf(index) };`,
    caughtBy: [interleavings, 'a purge up to the end of a segment and the close'],
    promise: 'purge',
  },
  {
    name: 'a refused group leaves its records for the next write',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `    writer.rollBack(mark);
    this.#hardStates.undo();`,
    replace: `    this.#hardStates.undo();`,
    caughtBy: ['wal-etcd/test/full-disk.test.ts', 'after a clean close'],
    promise: 'full disk',
  },
  {
    name: 'a pending rename is forgotten after a temporary failure',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `    } catch (error) {
      throw stepFailure(error);
    }
    this.#pendingRename = undefined;`,
    replace: `    } catch (error) {
      this.#pendingRename = undefined;
      throw stepFailure(error);
    }
    this.#pendingRename = undefined;`,
    caughtBy: [faults, 'too-many-open, once'],
    promise: 'owed sync',
  },
  // The log that a discard writes anew, and what snapshots leave in a log.
  {
    name: 'segments go after a sync of the directory has failed while a log is written anew',
    file: 'wal-etcd/src/writer/rewrite-log.ts',
    find: '    await fileSystem.syncDirectory(directory);',
    replace: '    await fileSystem.syncDirectory(directory).catch(() => undefined);',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'removes no more segments after a failed sync of the directory',
    ],
    promise: 'purge',
  },
  {
    name: 'a log that is written again forgets the vote',
    file: 'wal-etcd/src/writer/rewrite-log.ts',
    find: 'hardState: encodeHardState(hardState),',
    replace: 'hardState: encodeHardState({ ...hardState, vote: 0n }),',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'has the hard state, all entries, and each snapshot',
    ],
    promise: 'power cut',
  },
  {
    name: 'a log that is written again removes the old one while its own rename is pending',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'if (!isRefusal(error) || next.addRecords !== undefined) throw error;',
    replace: 'if (!isRefusal(error)) throw error;',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'if the system lacks a resource once: rename',
    ],
    promise: 'new segment',
  },
  {
    name: 'a log that is written again does not wait for its name',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'await this.#finishRename().catch(',
    replace: 'if (next.addRecords === undefined) await this.#finishRename().catch(',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'has the hard state, all entries, and each snapshot',
    ],
    promise: 'new segment',
  },
  {
    name: 'a log that is written again removes the oldest segments first',
    file: 'wal-etcd/src/writer/rewrite-log.ts',
    find: '.removeBelow(segment.segmentId).reverse()',
    replace: '.removeBelow(segment.segmentId)',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'has all of it after a power cut at any call',
    ],
    promise: 'power cut',
  },
  {
    name: 'a log that is written again has the newest members in all markers',
    file: 'wal-etcd/src/writer/rewrite-log.ts',
    find: 'if (marker.index > state.baseIndex) addMarker(writer, marker);',
    replace:
      'if (marker.index > state.baseIndex) addMarker(writer, { ...marker, confState: (state.markers.at(-1) ?? marker).confState });',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'has the hard state, all entries, and each snapshot',
    ],
    promise: 'power cut',
  },
  {
    name: 'a recovery forgets the entry that tells the term before the log',
    file: 'wal-etcd/src/recovery/replayed-log.ts',
    find: 'this.#setStart(index, term, { segmentId, position });',
    replace: 'this.#setStart(index, term, { segmentId, position: undefined });',
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'keeps the record that gives its term, with a snapshot: false',
    ],
    promise: 'power cut',
  },
  {
    name: 'a snapshot that is saved with a hard state is not covered before its entries',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'if (index > commit) this.#addHardState',
    replace: 'if (index > commit && next === undefined) this.#addHardState',
    caughtBy: [
      'wal-etcd/test/markers-and-starts.test.ts',
      'leave a log that opens after each of their records',
    ],
    promise: 'unacknowledged save',
  },
  {
    name: 'a refused group takes the commit index along that was accepted before it',
    file: 'wal-files/src/hard-state-writes.ts',
    find: 'this.#unwritten = this.#unwrittenBefore;',
    replace: '',
    caughtBy: [
      'wal-etcd/test/markers-and-starts.test.ts',
      'drops its commit index and keeps the one before it',
    ],
    promise: 'shortage',
  },
  {
    name: 'a segment behind an installed snapshot has the name of an older index',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `      if (resets) this.#lastIndex = index;
`,
    replace: '',
    caughtBy: [
      'wal-etcd/test/markers-and-starts.test.ts',
      'at the end of a segment give the next one their index plus 1',
    ],
  },
  {
    name: 'what is behind the end of a log is made zero only where it is a torn record',
    file: 'wal-etcd/src/recovery/recover.ts',
    find: 'let leftover = tail.bytesDropped;',
    replace: `let leftover = tail.verdict === 'torn' ? tail.bytesDropped : 0;`,
    caughtBy: [
      'wal-etcd/test/markers-and-starts.test.ts',
      'are the end of the log, and the bytes after them are zeroed',
    ],
    promise: 'interrupted write',
  },
  {
    name: 'the raw log does not make zero what is behind its end',
    file: 'wal-etcd/src/raw-wal.ts',
    find: 'makeTailDurable(last.file, scan.validEnd, leftover)',
    replace: 'makeTailDurable(last.file, scan.validEnd, 0 * leftover)',
    caughtBy: ['wal-etcd/test/markers-and-starts.test.ts', 'are the end of a raw log too'],
  },
  {
    name: 'an entry that the snapshot covers is taken into the log',
    file: 'wal-etcd/src/recovery/replayed-log.ts',
    find: `    if (index < log.firstIndex) return undefined;
`,
    replace: '',
    caughtBy: ['wal-etcd/test/markers-and-starts.test.ts', 'is ignored, as in etcd'],
  },
  {
    name: 'an entry that the snapshot covers moves the start of the log',
    file: 'wal-etcd/src/recovery/replayed-log.ts',
    find: 'const isLowest = this.#startIsEntry && index < log.firstIndex;',
    replace: 'const isLowest = index < log.firstIndex && log.firstIndex > 1;',
    caughtBy: ['wal-etcd/test/markers-and-starts.test.ts', 'is ignored, as in etcd'],
  },
  {
    name: 'a snapshot is recorded with the members of the one before it',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'const { index, term, confState } = marker;',
    replace:
      'const { index, term } = marker; const { confState } = this.#parts.view.state.markers.at(-1) ?? marker;',
    caughtBy: ['wal-etcd/test/markers-and-starts.test.ts', 'keep their own members'],
    promise: 'killed process',
  },
  {
    name: 'a snapshot is read with the members of the one before it',
    file: 'wal-etcd/src/recovery/replayed-log.ts',
    find: 'const reset = state.applyMarker(marker);',
    replace:
      'const reset = state.applyMarker({ ...marker, confState: (state.markers.at(-1) ?? marker).confState });',
    caughtBy: ['wal-etcd/test/markers-and-starts.test.ts', 'keep their own members'],
    promise: 'killed process',
  },
  {
    name: 'the name of a log that is written again is not synced',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'await this.#finishRename().catch(',
    replace: `const unsynced = next.addRecords === undefined ? undefined : this.#pendingRename;
      if (unsynced !== undefined) {
        await this.#parts.environment.fileSystem.rename(unsynced.from, unsynced.to);
        this.#pendingRename = undefined;
      }
      await this.#finishRename().catch(`,
    caughtBy: [
      'wal-etcd/test/rewritten-log.test.ts',
      'has all of it after a power cut at any call',
    ],
    promise: 'new segment',
  },
];
