import type { Mutant } from '../mutant.ts';

/** Errors at the edges of a log: full disks, repairs at opening, large and refused saves. */
export const walEtcdEdges: readonly Mutant[] = [
  {
    name: 'what a save that found no room has written is not taken back durably',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: '    // Durable after it: that nothing of the refused records is there.\n    await file.datasync();',
    replace: '',
    caughtBy: [
      'wal-etcd/test/refused-growth.test.ts',
      'leaves the file as it was, with room for 0 bytes, inline false',
    ],
    promise: 'full disk',
  },
  {
    name: 'a segment is left shorter by a save that found no room',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: '    if (this.#fileBytes > this.#end) await file.truncate(this.#fileBytes);\n',
    replace: '',
    caughtBy: [
      'wal-etcd/test/refused-growth.test.ts',
      'leaves the file as it was, with room for 0 bytes, inline false',
    ],
    promise: 'full disk',
  },
  {
    name: 'a save at once may make a segment longer',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'const fits = this.#end + bytes <= this.#fileBytes && ',
    replace: 'const fits = ',
    caughtBy: [
      'wal-etcd/test/refused-growth.test.ts',
      'leaves the file as it was, with room for 0 bytes, inline true',
    ],
    promise: 'full disk',
  },
  {
    name: 'the pieces of a large save share sectors',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: 'pieceBytes - (position % pageBytes)',
    replace: 'pieceBytes',
    caughtBy: [
      'wal-etcd/test/histories.test.ts',
      'in writes that share no sector, inline false, in a segment of 16384 bytes',
    ],
    promise: 'power cut',
  },
  {
    name: 'a save at once may have more than 4 MiB, which a recovery does not write again',
    file: 'wal-etcd/src/writer/wal-writer.ts',
    find: ' && bytes <= bytesBetweenSyncsMax;',
    replace: ';',
    caughtBy: [
      'wal-etcd/test/histories.test.ts',
      'in writes that share no sector, inline true, in a segment of 8388608 bytes',
    ],
    promise: 'recovery',
  },
  {
    name: 'the places of the entries of a refused save stay',
    file: 'wal-etcd/src/etcd-store.ts',
    find: '    this.#placed = [];\n    this.#segmentId',
    replace: '    this.#segmentId',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'leaves nothing behind: its vote is written'],
    promise: 'shortage',
  },
  {
    name: 'the last index of a refused save stays',
    file: 'wal-etcd/src/etcd-store.ts',
    find: '    this.#lastIndex = view.state.index.lastIndex;\n',
    replace: '    if (this.#lastIndex === 0) this.#lastIndex = view.state.index.lastIndex;\n',
    caughtBy: ['wal-etcd/test/histories.test.ts', 'does not count in the name of the next segment'],
    promise: 'shortage',
  },
  {
    name: 'the segment is cut before the copy of it is made',
    file: 'wal-etcd/src/etcd-log-files.ts',
    find: '      await keepBrokenIfThereIsRoom(fileSystem, directory, last);\n      await cutAt(last.file, scan.validEnd);',
    replace:
      '      await cutAt(last.file, scan.validEnd);\n      await keepBrokenIfThereIsRoom(fileSystem, directory, last);',
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'has all that the segment had before it was cut',
    ],
    promise: 'interrupted write',
  },
  {
    name: 'a part of a copy stays on a full disk',
    file: 'wal-etcd/src/etcd-log-files.ts',
    find: '    await fileSystem.unlink(`${path}.broken`);',
    replace: '',
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'is not there in part where the disk has no room for it',
    ],
    promise: 'full disk',
  },
  {
    name: 'a copy that failed for any reason does not keep the segment from being cut',
    file: 'wal-etcd/src/etcd-log-files.ts',
    find: "if (!(error instanceof FileError) || error.kind !== 'no-space') throw error;",
    replace: 'if (!(error instanceof FileError)) throw error;',
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'is made before anything is cut where the disk fails',
    ],
    promise: 'failed write',
  },
  {
    name: 'the cut of a repair is not durable',
    file: 'wal-etcd/src/recovery/repair.ts',
    find: '  await file.truncate(end);\n  await file.datasync();',
    replace: '  await file.truncate(end);',
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'cuts a segment that ends within a record, durably',
    ],
    promise: 'interrupted write',
  },
  {
    name: 'a repair leaves a record that lacks a sector',
    file: 'wal-etcd/src/recovery/repair.ts',
    find: "if (scan.end !== 'unexpected-end' && scan.end !== 'torn') return false;",
    replace: "if (scan.end !== 'unexpected-end') return false;",
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'cuts a segment that lacks a sector of its last record',
    ],
    promise: 'interrupted write',
  },
  {
    name: 'a log that was cut believes its file to be as long as before',
    file: 'wal-etcd/src/etcd-log-files.ts',
    find: '      fileBytes = scan.validEnd;\n',
    replace: '',
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'refuses a save that its shortened file has no room for',
    ],
    promise: 'full disk',
  },
  {
    name: 'the raw log does not close the segments that it has begun',
    file: 'wal-etcd/src/raw-wal.ts',
    find: '    this.#segments.push(writer.segment);\n',
    replace: '',
    caughtBy: ['wal-etcd/test/raw-wal.test.ts', 'is closed with the log'],
  },
  {
    name: 'the raw log names a segment by the last entry, not by the snapshot behind it',
    file: 'wal-etcd/src/raw-wal.ts',
    find: '    if (snapshot.index > this.#lastIndex) this.#lastIndex = snapshot.index;\n    await',
    replace: '    await',
    caughtBy: ['wal-etcd/test/raw-wal.test.ts', 'has the index behind the snapshot in its name'],
  },
  {
    name: 'a log is committed to less than where it begins',
    file: 'wal-etcd/src/recovery/replayed-log.ts',
    find: 'if (hardState.commit < state.baseIndex) {',
    replace: 'if (hardState.commit < 0) {',
    caughtBy: [
      'wal-etcd/test/markers-and-bases.test.ts',
      'is committed at least up to where it begins',
    ],
    promise: 'recovery',
  },
  {
    name: 'the raw log acknowledges what it wrote while its lock was lost',
    file: 'wal-etcd/src/raw-wal.ts',
    find: '        if (!this.#lock.isFresh()) await this.#lock.confirm();\n',
    replace: '',
    caughtBy: ['wal-etcd/test/raw-wal.test.ts', 'is asked again when the bytes are written'],
    promise: 'lost lock',
  },
  {
    name: 'the raw log keeps its lock where the creation fails',
    file: 'wal-etcd/src/raw-wal.ts',
    find: '      const snapshot = { index: 0n, term: 0n };\n      return new RawWal(parts, options, lock, [writer.segment], snapshot, writer);\n    } catch (error) {\n      await lock.release();',
    replace:
      '      const snapshot = { index: 0n, term: 0n };\n      return new RawWal(parts, options, lock, [writer.segment], snapshot, writer);\n    } catch (error) {',
    caughtBy: ['wal-etcd/test/raw-wal.test.ts', 'is given back where the creation fails'],
  },
  {
    name: 'all that lies behind a torn record counts as the same write',
    file: 'wal-etcd/src/recovery/find-log.ts',
    find: "end === 'torn' && left <= brokenBytes ?",
    replace: "end === 'torn' && left <= brokenBytes + Infinity ?",
    caughtBy: [
      'wal-etcd/test/repair-at-opening.test.ts',
      'is no interrupted write where something else lies behind it',
    ],
    promise: 'damage',
  },
  {
    name: 'a snapshot of entries that the log has stays without a hard state that covers it',
    file: 'wal-etcd/src/recovery/find-log.ts',
    find: 'if (uncoveredEnd === undefined) return contents;',
    replace: 'if (uncoveredEnd === undefined || believesUpTo === Infinity) return contents;',
    caughtBy: [
      'wal-etcd/test/recovery.test.ts',
      'does not count later where a crash took its hard state, when other entries are there',
    ],
    promise: 'recovery',
  },
  {
    name: 'a purged segment stays open where its length cannot be read',
    file: 'wal-etcd/src/purge/release-segments.ts',
    find: '  try {\n    return await file.size();\n  } finally {\n    await file.close();\n  }',
    replace: '  const bytes = await file.size();\n  await file.close();\n  return bytes;',
    caughtBy: ['wal-etcd/test/purge-order.test.ts', 'closes it all the same'],
  },
  {
    name: 'a recovery does not sync the names it read',
    file: 'wal-etcd/src/etcd-log-files.ts',
    find: '    await fileSystem.syncDirectory(directory);\n    const parts',
    replace: '    const parts',
    caughtBy: [
      'wal-etcd/test/recovery.test.ts',
      'is there after a power cut when a later process has saved to it',
    ],
    promise: 'recovery',
  },
  {
    name: 'a purge releases all segments but the last',
    file: 'wal-etcd/src/etcd-store.ts',
    find: 'const belowSegmentId = this.#base.segmentId;',
    replace: 'const belowSegmentId = segments.last?.segmentId ?? 0;',
    caughtBy: [
      'wal-etcd/test/kept-snapshots.test.ts',
      'to the oldest one keeps it and those behind it, after a restart: false',
    ],
    promise: 'purge',
  },
  {
    name: 'the raw log keeps a segment open that it began while its lock was lost',
    file: 'wal-etcd/src/raw-wal.ts',
    find: '      await writer.cut(next, this.#durable);\n      // It is open from here on, also where the lock turns out to be lost.\n      this.#segments.push(writer.segment);\n    });',
    replace:
      '      await writer.cut(next, this.#durable);\n    });\n    this.#segments.push(writer.segment);',
    caughtBy: [
      'wal-etcd/test/raw-wal.test.ts',
      'is closed also where the lock is lost while it is begun',
    ],
    promise: 'lost lock',
  },
];
