import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-native/test/interleavings.test.ts';
const faults = 'wal-native/test/concurrent-faults.test.ts';

export const walNative: readonly Mutant[] = [
  // Errors in single lines of each source file, with the histories that show them.
  {
    name: 'every marker moves the start of the log',
    file: 'wal-native/src/native-store.ts',
    find: 'if (plan.resets && plan.marker !== undefined) {',
    replace: 'if (plan.marker !== undefined) {',
    caughtBy: [
      'wal-native/test/resets-and-purges.test.ts',
      'moves the start neither in the next segment nor for a purge below it',
    ],
    promise: 'purge',
  },
  {
    name: 'an inline save does not wait for an idle mark',
    file: 'wal-native/src/native-store.ts',
    find: 'const isIdle = this.#idleMark === undefined && this.#successor === undefined;',
    replace: 'const isIdle = this.#successor === undefined;',
    caughtBy: [
      'wal-native/test/calls-during-idle-mark.test.ts',
      'a save waits for it, inline true',
    ],
    promise: 'killed process',
  },
  {
    name: 'a save does not wait for an idle mark',
    file: 'wal-native/src/native-store.ts',
    find: 'await this.#idleMark;\n      if (this.#successor',
    replace: 'if (this.#successor',
    caughtBy: [
      'wal-native/test/calls-during-idle-mark.test.ts',
      'a save waits for it, inline false',
    ],
    promise: 'killed process',
  },
  {
    name: 'a segment that was written without syncs is left unsynced',
    file: 'wal-native/src/native-store.ts',
    find: 'if (this.#appender.hasUnsynced) await this.#datasync();\n    const salt',
    replace: 'const salt',
    caughtBy: ['wal-native/test/no-fsync.test.ts', '(60 times 1000 bytes, inline false)'],
    promise: 'power cut',
  },
  {
    name: 'a close of a full segment drops the last commit index',
    file: 'wal-native/src/native-store.ts',
    find: '    else await this.#rotate(batch);',
    replace: '',
    caughtBy: [
      'wal-native/test/closed-cleanly.test.ts',
      'has it even if one close after the other',
    ],
  },
  {
    name: 'a close does not wait for an idle mark',
    file: 'wal-native/src/native-store.ts',
    find: 'this.#stopMarks();\n    await this.#idleMark;',
    replace: 'this.#stopMarks();',
    caughtBy: [
      'wal-native/test/calls-during-idle-mark.test.ts',
      'a close waits for it, because it releases the lock, inline false',
    ],
    promise: 'lost lock',
  },
  {
    name: 'a poisoned log still writes marks',
    file: 'wal-native/src/native-store.ts',
    find: 'if (!isRefusal(error)) this.#stopMarks();',
    replace: '',
    caughtBy: ['wal-native/test/calls-during-idle-mark.test.ts', 'a poisoned log writes no mark'],
    promise: 'failed write',
  },
  {
    name: 'only the first of the waiting commit indexes is kept',
    file: 'wal-native/src/native-store.ts',
    find: 'this.#hardStates.note(plans);',
    replace:
      'if (this.#hardStates.unwritten === undefined || durable) this.#hardStates.note(plans);',
    caughtBy: [
      'wal-native/test/closed-cleanly.test.ts',
      'has the newest commit index that was not written on its own',
    ],
  },
  {
    name: 'the buffer has no space for the empty slot after a batch',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: 'const needed = scratchBytesOf(batch) + endSlotBytes;',
    replace: 'const needed = scratchBytesOf(batch);',
    caughtBy: ['wal-native/test/large-batches.test.ts', 'larger than the kept buffer'],
  },
  {
    name: 'the bodies of control frames get no space in the buffer',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: 'if (item.body.length >= copyBytesMax) bytes -= item.body.length;',
    replace: 'bytes -= item.body.length;',
    caughtBy: ['wal-native/test/large-batches.test.ts', 'larger than the kept buffer'],
  },
  {
    name: 'a log that was marked once counts as marked for ever',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: 'this.#marked = durable && batch.frameCount === 0;',
    replace: 'if (durable && batch.frameCount === 0) this.#marked = true;',
    caughtBy: [
      'wal-native/test/closed-cleanly.test.ts',
      'after it was closed, written to and closed again',
    ],
    promise: 'damage',
  },
  {
    name: 'a close writes one mark in the sector of the last batch',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: 'while (this.#end < reached &&',
    replace: 'while (this.#end < start + mark.bytes &&',
    caughtBy: ['wal-native/test/closed-cleanly.test.ts', 'with a last entry of 40 bytes'],
    promise: 'damage',
  },
  {
    name: 'the parts of an unsynced batch are written at one offset',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: '        await file.write(part, position);\n        position += part.length;',
    replace: '        await file.write(part, position);',
    caughtBy: ['wal-native/test/no-fsync.test.ts', '(60 times 5000 bytes, inline false)'],
    promise: 'killed process',
  },
  {
    name: 'the parts of an unsynced inline batch are written at one offset',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: '        file.writeSync(part, position);\n        position += part.length;',
    replace: '        file.writeSync(part, position);',
    caughtBy: ['wal-native/test/no-fsync.test.ts', '(60 times 5000 bytes, inline true)'],
    promise: 'killed process',
  },
  {
    name: 'the mark of a recovery counts as one in a sector of its own',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'marked: markEnds >= ownSectorEnd(end),',
    replace: 'marked: true,',
    caughtBy: ['wal-native/test/closed-cleanly.test.ts', 'opened 0 times'],
    promise: 'damage',
  },
  {
    name: 'a segment for a large batch has no space for its footer',
    file: 'wal-native/src/writer/create-segment.ts',
    find: 'sealBytes(1, batch?.entryCount ?? 0) +',
    replace: 'sealBytes(1, 0) +',
    caughtBy: [
      'wal-native/test/large-batches.test.ts',
      'so many entries that its footer takes pages',
    ],
  },
  {
    name: 'a prepared file stays after a failed rotation',
    file: 'wal-native/src/writer/create-segment.ts',
    find: '  await environment.fileSystem.unlink(spare.path).catch(() => undefined);\n  const failure',
    replace: '  const failure',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves neither an open file nor a prepared one'],
  },
  {
    name: 'a prepared file stays open after a failed rotation',
    file: 'wal-native/src/writer/create-segment.ts',
    find: '  await spare.file.close().catch(() => undefined);\n  await environment',
    replace: '  await environment',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves neither an open file nor a prepared one'],
  },
  {
    name: 'a refused creation of a native log leaves its file',
    file: 'wal-native/src/writer/create-segment.ts',
    find: 'await request.environment.fileSystem.unlink(path).catch(() => undefined);',
    replace: '',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves no log, and can be repeated'],
    promise: 'first start',
  },
  {
    name: 'a single entry is returned in the reused buffer',
    file: 'wal-native/src/segment/entry-reader.ts',
    find: 'return single && only?.data !== undefined\n',
    replace: 'return only !== undefined && only.data === undefined && single\n',
    caughtBy: [
      'wal-native/test/large-batches.test.ts',
      'of one entry returns a payload that later reads do not change',
    ],
  },
  {
    name: 'the first entry of a range is not read again when it is large',
    file: 'wal-native/src/segment/entry-reader.ts',
    find: '    if (first > target.length) {',
    replace: '    if (first > target.length && single) {',
    caughtBy: [
      'wal-native/test/large-batches.test.ts',
      'of a range may begin with an entry that is larger',
    ],
  },
  {
    name: 'a reset in the newest segment does not move the start',
    file: 'wal-native/src/recovery/read-log.ts',
    find: 'return resets ? { index, term, segmentId } : undefined;',
    replace: 'return undefined;',
    caughtBy: [
      'wal-native/test/resets-and-purges.test.ts',
      'still starts the log at the second opening',
    ],
    promise: 'killed process',
  },
  {
    name: 'a seal that looks intact is not written again',
    file: 'wal-native/src/recovery/read-log.ts',
    find: 'if (interrupted) needsSeal = finding;',
    replace: 'if (interrupted && problem !== undefined) needsSeal = finding;',
    caughtBy: ['wal-native/test/second-opening.test.ts', 'includes a seal whose sync failed'],
    promise: 'recovery',
  },
  {
    name: 'recovery does not write again what it read',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'await writeAgain(segment.file, last.durableUpTo, last.stop.batchStart);',
    replace: '',
    caughtBy: ['wal-native/test/second-opening.test.ts', 'is durable, however much of it there is'],
    promise: 'recovery',
  },
  {
    name: 'recovery writes every second piece again',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'offset += buffer.length) {',
    replace: 'offset += rewriteBytesMax * 2) {',
    caughtBy: ['wal-native/test/second-opening.test.ts', 'is durable, however much of it there is'],
    promise: 'recovery',
  },
  {
    name: 'recovery uses batch numbers of the tail again',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'afterStop.batchNumberMax + 1',
    replace: 'stop.lastBatchNumber + 1',
    caughtBy: ['wal-native/test/second-opening.test.ts', 'even if it had many batches'],
    promise: 'interrupted write',
  },
  {
    name: 'recovery forgets how many entries the segment has',
    file: 'wal-native/src/recovery/recover.ts',
    find: '    lastBatchNumber: batchNumber,\n    entries,',
    replace: '    lastBatchNumber: batchNumber,\n    entries: 0,',
    caughtBy: ['wal-native/test/second-opening.test.ts', 'keeps the space of its footer'],
  },
  {
    name: 'recovery does not sync the names it read',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'await fileSystem.syncDirectory(contents.directory);\n  // 2.',
    replace: '// 2.',
    caughtBy: [
      'wal-native/test/second-opening.test.ts',
      'includes a segment whose name was not durable yet',
    ],
    promise: 'recovery',
  },
  {
    name: 'marks that share the sector of the last batch are enough for a close',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'const marked = clean && finding.marksReachOwnSector;',
    replace: 'const marked = clean;',
    caughtBy: ['wal-native/test/closed-cleanly.test.ts', 'opened 1 times'],
    promise: 'damage',
  },
  {
    name: 'the entry after an older version of the start is compared with the newer version',
    file: 'wal-native/src/recovery/replayed-log.ts',
    find: 'index > entries.firstIndex ? entries.term(index - 1) : undefined;',
    replace: 'entries.term(index - 1);',
    caughtBy: [
      'wal-native/test/resets-and-purges.test.ts',
      'drops the entries above it when only hard states follow',
    ],
    promise: 'killed process',
  },
  {
    name: 'a reset before the start does not drop entries',
    file: 'wal-native/src/recovery/replayed-log.ts',
    find: 'if (resets && marker.index <= this.#start.index) this.#truncateFrom(marker.index);',
    replace: '',
    caughtBy: [
      'wal-native/test/resets-and-purges.test.ts',
      'drops the entries above it when only hard states follow',
    ],
    promise: 'killed process',
  },
  {
    name: 'the marker at the start of the log is dropped',
    file: 'wal-native/src/recovery/replayed-log.ts',
    find: 'frame.kind === FrameKind.Marker && frame.index >= this.#start.index',
    replace: 'frame.kind === FrameKind.Marker && frame.index > this.#start.index',
    caughtBy: ['wal-native/test/resets-and-purges.test.ts', 'counts at the very start of a log'],
    promise: 'purge',
  },
  {
    name: 'proof of durability is searched for in the next 512 KiB only',
    file: 'wal-native/src/recovery/scan-after-stop.ts',
    find: 'if (await window.load(offset, frame)) continue;',
    replace: 'if (offset < stop.offset + 524256 && (await window.load(offset, frame))) continue;',
    caughtBy: ['wal-native/test/large-batches.test.ts', 'half a mebibyte and more after it'],
    promise: 'damage',
  },
  {
    name: 'a refused opening leaves segments open',
    file: 'wal-native/src/native-log-files.ts',
    find: 'for (const { file } of segments) await file.close().catch(() => undefined);',
    replace: '',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves no file open if it is intact'],
  },
  {
    name: 'a damaged log is left open',
    file: 'wal-native/src/recovery/read-log.ts',
    find: '    await reading.closeAll();\n',
    replace: '',
    caughtBy: ['wal-native/test/handles.test.ts', 'a damaged entry'],
  },
  {
    name: 'reading a log without its lock leaves its segments open',
    file: 'wal-native/src/recovery/read-log-once.ts',
    find: '  await closeSegments(log.findings.map(({ segment }) => segment));\n',
    replace: '',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves no file open if it is intact'],
  },
  {
    name: 'a segment that is refused stays open',
    file: 'wal-native/src/segment/open-segment.ts',
    find: '    await file.close().catch(() => undefined);\n    throw error;',
    replace: '    throw error;',
    caughtBy: ['wal-native/test/handles.test.ts', 'a damaged header'],
  },
  {
    name: 'recycled files are not recognised as temporary',
    file: 'wal-native/src/format/segment-name.ts',
    find: 'return temporaryPattern.test(fileName);',
    replace: `return temporaryPattern.test(fileName) && fileName.startsWith('spare');`,
    caughtBy: ['wal-native/test/resets-and-purges.test.ts', 'wait to be reused are removed'],
  },
  // Sizes and shapes of saves.
  {
    name: 'the footer of the entries of the batch itself is not counted',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: 'sealBytes(1, this.#entries) + batch.entryCount * footerEntryBytes + 8;',
    replace: 'sealBytes(1, this.#entries) + 8;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'is met by a save of 100 entries'],
  },
  {
    name: 'a longer segment has no space for the footer of its batch',
    file: 'wal-native/src/writer/create-segment.ts',
    find: 'sealBytes(1, batch?.entryCount ?? 0)',
    replace: 'sealBytes(1, 0)',
    caughtBy: ['wal-native/test/sizes.test.ts', 'whose segment is longer'],
  },
  {
    name: 'a segment that was opened again forgets how many entries its footer lists',
    file: 'wal-native/src/recovery/replay-segment.ts',
    find: 'if (frame.kind === FrameKind.Entry) entries += 1;',
    replace: 'if (frame.kind === FrameKind.Entry) entries = 1;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'is met by a save of 100 entries'],
  },
  {
    name: 'a marker that resets the log is recorded as one that matches',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: 'markerFrame(plan.marker, plan.resets)',
    replace: 'markerFrame(plan.marker, false)',
    caughtBy: ['wal-native/test/shapes.test.ts', 'with a save of every shape, alone'],
    promise: 'killed process',
  },
  {
    name: 'a commit index that is saved alone is never written',
    file: 'wal-files/src/hard-state-writes.ts',
    find: 'left.vote === right.vote && left.commit === right.commit;',
    replace: 'left.vote === right.vote;',
    caughtBy: ['wal-native/test/conformance.test.ts', 'a save of every shape, alone'],
    promise: 'killed process',
  },
  {
    name: 'the hard state of a refused batch is kept for the next one',
    file: 'wal-native/src/native-store.ts',
    find: 'if (isRefusal(error)) this.#hardStates.undo();',
    replace: '',
    caughtBy: ['wal-native/test/shapes.test.ts', 'and a save of every shape, alone'],
    promise: 'full disk',
  },
  {
    name: 'a recovery writes the last mebibyte again only',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'writeAgain(segment.file, last.durableUpTo,',
    replace:
      'writeAgain(segment.file, Math.max(last.durableUpTo, last.stop.batchStart - rewriteBytesMax),',
    caughtBy: ['wal-native/test/sizes.test.ts', 'more than two mebibytes'],
    promise: 'recovery',
  },
  {
    name: 'a recovery does not write the last piece of a batch again',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'for (let offset = start; offset < end; offset += buffer.length)',
    replace: 'for (let offset = start; offset + buffer.length <= end; offset += buffer.length)',
    caughtBy: ['wal-native/test/sizes.test.ts', 'more than two mebibytes'],
    promise: 'recovery',
  },
  {
    name: 'a large payload is not padded to the next frame',
    file: 'wal-native/src/writer/batch-encoder.ts',
    find: `    this.#filled += padding;
    return value;`,
    replace: '    return value;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'payloads around the size that is copied'],
    promise: 'killed process',
  },
  {
    name: 'a purge also releases the first segment that is needed',
    file: 'wal-native/src/purge/release-segments.ts',
    find: 'segments.removeBelow(belowSegmentId)',
    replace: 'segments.removeBelow(belowSegmentId + 1)',
    caughtBy: ['wal-native/test/sizes.test.ts', 'that runs alone, with a crash at every call'],
    promise: 'purge',
  },
  {
    name: 'the saves of a batch share the position of the first one',
    file: 'wal-native/src/native-store.ts',
    find: 'const encoded = this.#unpublished.shift();',
    replace: 'const encoded = this.#unpublished[0];',
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
    promise: 'purge',
  },
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'recycled files are offered to the writer before their names are durable',
    file: 'wal-native/src/purge/release-segments.ts',
    find: `      await fileSystem.syncDirectory(directory);
      for (const { path, bytes } of recycled.splice(0)) spares.addRecycled(path, bytes);`,
    replace: `      for (const { path, bytes } of recycled.splice(0)) spares.addRecycled(path, bytes);
      await fileSystem.syncDirectory(directory);`,
    caughtBy: [
      interleavings,
      'saves around the beginning of a segment and a purge that gives two back',
    ],
    promise: 'purge',
  },
  {
    name: 'the successor joins the log before its name is durable',
    file: 'wal-native/src/native-store.ts',
    find: `    await syncName(options.environment, directory);
    this.#successor = undefined;
    segments.add(segment);`,
    replace: `    void syncName(options.environment, directory).catch(() => undefined);
    this.#successor = undefined;
    segments.add(segment);`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
    promise: 'new segment',
  },
  {
    name: 'a write does not wait for the mark of an idle log',
    file: 'wal-native/src/native-store.ts',
    find: `      await this.#idleMark;
      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (!this.#appender.fits(batch))`,
    replace: `      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (!this.#appender.fits(batch))`,
    caughtBy: [interleavings, 'two saves and the marks of an idle log'],
    promise: 'killed process',
  },
  {
    name: 'an idle mark does not wait for a write in flight',
    file: 'wal-native/src/native-store.ts',
    find: `const isBusy = this.#busy || this.#successor !== undefined;`,
    replace: `const isBusy = this.#successor !== undefined;`,
    caughtBy: [interleavings, 'two saves and the marks of an idle log'],
    promise: 'killed process',
  },
  {
    name: 'the close does not wait for the mark of an idle log',
    file: 'wal-native/src/native-store.ts',
    find: `    this.#stopMarks();
    await this.#idleMark;
    const`,
    replace: `    this.#stopMarks();
    const`,
    caughtBy: [interleavings, 'the mark of an idle log and the close'],
    promise: 'lost lock',
  },
  {
    name: 'the segments that a purge keeps are chosen when the batch is published, from the segment of that time',
    file: 'wal-native/src/native-store.ts',
    find: `      belowSegmentId: this.#start.segmentId,`,
    replace: `      belowSegmentId: this.#appender.segment.segmentId,`,
    caughtBy: [interleavings, 'two purges of one segment each'],
    promise: 'purge',
  },
  {
    name: 'segments are released before the purge is durable',
    file: 'wal-native/src/native-store.ts',
    find: `    this.#purgeSegmentId = this.#firstSegmentNeeded(plans);`,
    replace: `    this.#purgeSegmentId = this.#firstSegmentNeeded(plans);
    this.#start = { ...this.#start, segmentId: this.#purgeSegmentId };`,
    caughtBy: [interleavings, 'three purges of one segment each'],
    promise: 'purge',
  },
  {
    name: 'the next segment gets its name before its head is durable',
    file: 'wal-native/src/writer/create-segment.ts',
    find: `    await spare.file.writeDurable(parts, 0);`,
    replace: `    await spare.file.write(Buffer.concat(parts), 0);`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
    promise: 'new segment',
  },
  {
    name: 'the full segment is sealed before the name of the next one is durable',
    file: 'wal-native/src/native-store.ts',
    find: `    await syncName(options.environment, directory);
    this.#successor = undefined;`,
    replace: `    const { end: endBefore, lastBatchNumber: lastBefore } = this.#appender;
    await sealSegment(this.#appender.segment, view.state.index, {
      framesEnd: endBefore,
      lastBatchNumber: lastBefore,
      nextSalt: segment.header.salt,
    });
    await syncName(options.environment, directory);
    this.#successor = undefined;`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
    promise: 'new segment',
  },
  {
    name: 'the close does not write a commit index that is not on the disk yet',
    file: 'wal-native/src/native-store.ts',
    find: `      if (hardState !== undefined) await this.#writeLastHardState(hardState);`,
    replace: ``,
    caughtBy: [interleavings, 'a commit index, the mark of an idle log, a save and the close'],
  },
  {
    name: 'a segment is used although its name could not be made durable',
    file: 'wal-native/src/native-store.ts',
    find: `    await syncName(options.environment, directory);
    this.#successor = undefined;`,
    replace: `    await syncName(options.environment, directory).catch(() => undefined);
    this.#successor = undefined;`,
    caughtBy: [faults, 'too-many-open, once'],
    promise: 'owed sync',
  },
  {
    name: 'a marker at the start of the log is refused beside entries that were overwritten',
    file: 'wal-native/src/recovery/replayed-log.ts',
    find: 'const isAtStart = marker.index === this.#start.index;',
    replace: 'const isAtStart = false;',
    caughtBy: ['wal-native/test/resets-and-purges.test.ts', 'were overwritten after it'],
  },
  {
    name: 'a directory whose sync failed counts as durable after a later sync',
    file: 'vfs/src/directory-syncs.ts',
    find: 'if (failure !== undefined && failure.number > since) throw failure.error;',
    replace: '',
    caughtBy: [
      'wal-native/test/failed-directory-sync.test.ts',
      'acknowledges no entry in a later segment (dropped)',
    ],
  },
  // A purge whose sync of the directory fails.
  {
    name: 'recycled files are offered to the writer although the sync of their names failed',
    file: 'wal-native/src/purge/release-segments.ts',
    find: 'await fileSystem.syncDirectory(directory);',
    replace: 'await fileSystem.syncDirectory(directory).catch(() => undefined);',
    caughtBy: [
      'wal-native/test/recycled-files.test.ts',
      'are never reused, and the log is intact after a power cut: dropped',
    ],
    promise: 'purge',
  },
  {
    name: 'the mark of a recovery may overlap the footer of a full segment',
    file: 'wal-native/src/recovery/recover.ts',
    find: 'markEnds + endSlotBytes + sealBytes(1, entries) <=',
    replace: 'markEnds + endSlotBytes <=',
    caughtBy: [
      'wal-native/test/full-segment.test.ts',
      'after an idle mark does not overlap the footer',
    ],
    promise: 'killed process',
  },
];
