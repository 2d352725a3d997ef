import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-native/test/interleavings.test.ts';
const faults = 'wal-native/test/concurrent-faults.test.ts';

export const walNative: readonly Mutant[] = [
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
  },
  {
    name: 'a write does not wait for the mark of an idle log',
    file: 'wal-native/src/native-store.ts',
    find: `      await this.#idleMark;
      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (!this.#appender.fits(group))`,
    replace: `      if (this.#successor !== undefined) await this.#takeOver(this.#successor);
      if (!this.#appender.fits(group))`,
    caughtBy: [interleavings, 'two saves and the marks of an idle log'],
  },
  {
    name: 'the mark of an idle log does not look for a write that is under way',
    file: 'wal-native/src/native-store.ts',
    find: `const isBusy = this.#busy || this.#successor !== undefined;`,
    replace: `const isBusy = this.#successor !== undefined;`,
    caughtBy: [interleavings, 'two saves and the marks of an idle log'],
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
  },
  {
    name: 'what a purge keeps is known when the group is published, from the segment of that time',
    file: 'wal-native/src/native-store.ts',
    find: `      belowSegmentId: this.#start.segmentId,`,
    replace: `      belowSegmentId: this.#appender.segment.segmentId,`,
    caughtBy: [interleavings, 'two purges of one segment each'],
  },
  {
    name: 'segments are given back before the purge is durable',
    file: 'wal-native/src/native-store.ts',
    find: `    this.#purgeSegmentId = this.#firstSegmentNeeded(plans);`,
    replace: `    this.#purgeSegmentId = this.#firstSegmentNeeded(plans);
    this.#start = { ...this.#start, segmentId: this.#purgeSegmentId };`,
    caughtBy: [interleavings, 'three purges of one segment each'],
  },
  {
    name: 'the next segment gets its name before its head is durable',
    file: 'wal-native/src/writer/create-segment.ts',
    find: `    await spare.file.writeDurable(parts, 0);`,
    replace: `    await spare.file.write(Buffer.concat(parts), 0);`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
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
  },
  {
    name: 'the close does not write a commit index that is not on the disk yet',
    file: 'wal-native/src/native-store.ts',
    find: `      if (hardState !== undefined) await this.#writeLastHardState(hardState);`,
    replace: ``,
    caughtBy: [interleavings, 'a commit index, the mark of an idle log, a save and the close'],
  },
  {
    name: 'a segment whose name could not be made durable takes over all the same',
    file: 'wal-native/src/native-store.ts',
    find: `    await syncName(options.environment, directory);
    this.#successor = undefined;`,
    replace: `    await syncName(options.environment, directory).catch(() => undefined);
    this.#successor = undefined;`,
    caughtBy: [faults, 'too-many-open, once'],
  },
];
