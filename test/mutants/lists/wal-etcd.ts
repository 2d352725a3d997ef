import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-etcd/test/interleavings.test.ts';
const faults = 'wal-etcd/test/concurrent-faults.test.ts';

export const walEtcd: readonly Mutant[] = [
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'one sync of the directory covers all segments that a purge removes',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: `      await this.#fileSystem.syncDirectory(this.#directory);`,
    replace: `      if (this.#waiting.length === 1) await this.#fileSystem.syncDirectory(this.#directory);`,
    caughtBy: [interleavings, 'a purge of four segments without a marker, and a save'],
  },
  {
    name: 'the newest segments are removed first',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: `      this.#waiting.push({ path, bytes });`,
    replace: `      this.#waiting.unshift({ path, bytes });`,
    caughtBy: [interleavings, 'a purge of four segments without a marker, and a save'],
  },
  {
    name: 'the records behind a new segment do not wait for its name to be durable',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `      owed.isRenamed = true;
      await environment.fileSystem.syncDirectory(directory);`,
    replace: `      owed.isRenamed = true;
      void environment.fileSystem.syncDirectory(directory).catch(() => undefined);`,
    caughtBy: [
      interleavings,
      'saves around the beginning of a segment and a purge that gives two back',
    ],
  },
  {
    name: 'the full segment is not synced when it ends with the records of a save',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `      await this.flush(durable);
      await full.file.truncate(this.#end);
      if (durable) await full.file.datasync();`,
    replace: `      await this.flush(false);
      await full.file.truncate(this.#end);`,
    caughtBy: [
      interleavings,
      'saves around the beginning of a segment and a purge that gives two back',
    ],
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
    this.#base = { segmentId: run.segmentId, position: run.offsetOf(index) };`,
    replace: `    const run = state.index.runOf(Math.min(index + 1, state.index.lastIndex));
    this.#base = { segmentId: run.segmentId, position: run.offsetOf(index) };`,
    caughtBy: [interleavings, 'a purge up to the end of a segment and the close'],
  },
  {
    name: 'a refused group leaves its records for the next write',
    file: 'wal-etcd/src/etcd-store.ts',
    find: `    writer.rollBack(mark);
    this.#unwrittenHardState`,
    replace: `    this.#unwrittenHardState`,
    caughtBy: ['wal-etcd/test/full-disk.test.ts', 'comes back with a clean close'],
  },
  {
    name: 'the name of a segment that is owed is forgotten after a failure that passes',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: `    } catch (error) {
      throw stepFailure(error);
    }
    this.#owedName = undefined;`,
    replace: `    } catch (error) {
      this.#owedName = undefined;
      throw stepFailure(error);
    }
    this.#owedName = undefined;`,
    caughtBy: [faults, 'too-many-open, once'],
  },
];
