import type { Mutant } from '../mutant.ts';

const syncRecord = 'wal-level-disk/test/sync-record-files.test.ts';
const bounds = 'wal-level-disk/test/sync-record-bounds.test.ts';
const windows = 'wal-level-disk/test/table-windows.test.ts';
const searches = 'wal-level-disk/test/file-mode-searches.test.ts';
const options = 'wal-level-disk/test/option-bounds.test.ts';

/** The log on LevelDB. */
export const walLevelDisk: readonly Mutant[] = [
  {
    name: 'a torn write of the sync record takes the newer record along',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: 'first <= second ? 0 : slotBytes',
    replace: 'first >= second ? 0 : slotBytes',
    caughtBy: [bounds, 'keeps the newer record while'],
  },
  {
    name: 'the sync record of a log that was closed is not durable',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: '      if (durable) await file.datasync();\n',
    replace: '',
    caughtBy: [
      syncRecord,
      'is never damaged by a crash, and never names a batch that was not written to it',
    ],
  },
  {
    name: 'a new sync record gets its name before its content is synced',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: '      await file.write(content, 0);\n      await file.datasync();\n',
    replace: '      await file.write(content, 0);\n',
    caughtBy: [
      syncRecord,
      'is never damaged by a crash, and never names a batch that was not written to it',
    ],
  },
  {
    name: 'the name of a new sync record is not durable',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: '    await this.#files.syncDirectory(this.#directory);\n',
    replace: '',
    caughtBy: [
      syncRecord,
      'is never damaged by a crash, and never names a batch that was not written to it',
    ],
  },
  {
    name: 'a sync record is not created after an interrupted creation',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: '    if ((await this.#files.kindOf(temporary)) !== undefined) await this.#files.unlink(temporary);\n',
    replace: '',
    caughtBy: [bounds, 'is created although an interrupted creation has left a temporary file'],
  },
  {
    name: 'a sync record of another version is accepted',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: ' || view.getUint32(8) !== formatVersion) return',
    replace: ') return',
    caughtBy: [bounds, 'with version 2 says nothing'],
  },
  {
    name: 'a batch number above 2^53 is rounded',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: 'Number.isSafeInteger(batch) ? batch : undefined',
    replace: 'batch',
    caughtBy: [bounds, 'a batch of 2^53 and more'],
  },
  {
    name: 'the file of a sync record stays open after a failed write',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: '      if (durable) await file.datasync();\n    } finally {\n      await file.close();\n    }',
    replace: '      if (durable) await file.datasync();\n    } finally {\n    }',
    caughtBy: [bounds, 'is closed when write fails'],
  },
  {
    name: 'the file of a sync record stays open after a failed read',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: '    } finally {\n      await file.close();\n    }\n  }\n\n  #fileOf',
    replace: '    } finally {\n    }\n  }\n\n  #fileOf',
    caughtBy: [bounds, 'is closed when read fails'],
  },
  {
    name: 'a damaged sync record counts as absent',
    file: 'wal-level-disk/src/sync-record-files.ts',
    find: "return { kind: 'damaged', file };",
    replace: "return { kind: 'absent' };",
    caughtBy: [bounds, 'with 35 bytes says'],
  },
  {
    name: 'a block that goes on behind the window is read in part',
    file: 'wal-level-disk/src/table-check.ts',
    find: 'start + bytes <= this.#window.length',
    replace: 'start < this.#window.length',
    caughtBy: [windows, 'with blocks of 64 bytes'],
  },
  {
    name: 'a block above the size of the window is read in part',
    file: 'wal-level-disk/src/table-check.ts',
    find: 'const windowBytes = Math.max(bytes, this.#windowBytes);',
    replace: 'const windowBytes = this.#windowBytes;',
    caughtBy: [windows, 'with blocks of 129 bytes'],
  },
  {
    name: 'tables with the old extension are not verified',
    file: 'wal-level-disk/src/table-check.ts',
    find: "['ldb', 'sst']",
    replace: "['ldb']",
    caughtBy: [windows, 'covers those with the old extension'],
  },
  {
    name: 'no table behind one that is missing is verified',
    file: 'wal-level-disk/src/table-check.ts',
    find: '    if (file === undefined) continue;',
    replace: '    if (file === undefined) return;',
    caughtBy: [windows, 'covers each of them, even after one that a compaction has replaced'],
  },
  {
    name: 'a table that cannot be opened counts as missing',
    file: 'wal-level-disk/src/table-check.ts',
    find: "if (!(error instanceof FileError) || error.kind !== 'not-found') throw error;",
    replace: 'if (!(error instanceof FileError)) throw error;',
    caughtBy: [windows, 'that cannot be read (open)'],
  },
  {
    name: 'tables stay open after they were verified',
    file: 'wal-level-disk/src/table-check.ts',
    find: '    } finally {\n      await file.close();\n    }\n  }\n}\n\nasync function checkTable',
    replace: '    } finally {\n    }\n  }\n}\n\nasync function checkTable',
    caughtBy: [windows, 'that cannot be read (read)'],
  },
  {
    name: 'a damaged filter hides entries',
    file: 'wal-level-disk/src/table-check.ts',
    find: '  await checkNamedBlocks(table, await table.readBlock(metaindex));\n',
    replace: '  await table.readBlock(metaindex);\n',
    caughtBy: [windows, 'covers the index and the filter, but no block of entries'],
  },
  {
    name: 'blocks of entries are not verified',
    file: 'wal-level-disk/src/table-check.ts',
    find: '  if (everyBlock) await checkNamedBlocks(table, blocks);\n',
    replace: '  void blocks, everyBlock;\n',
    caughtBy: [windows, 'with blocks of 64 bytes'],
  },
  {
    name: 'a search for new files begins after the end',
    file: 'wal-level-disk/src/file-modes.ts',
    find: '    this.#timer?.cancel();\n',
    replace: '',
    caughtBy: [searches, 'closing cancels a pending search, and a later write starts no other one'],
  },
  {
    name: 'files of a compaction that goes on stay open to others',
    file: 'wal-level-disk/src/file-modes.ts',
    find: '    if (found > 0) this.noticeWrite();\n',
    replace: '    void found;\n',
    caughtBy: [
      searches,
      'a search that finds a file is repeated until one finds no file, and then runs after the next write',
    ],
  },
  {
    name: 'new files are looked for once only',
    file: 'wal-level-disk/src/file-modes.ts',
    find: '    this.#timer = undefined;\n    if',
    replace: '    if',
    caughtBy: [
      searches,
      'a search that finds a file is repeated until one finds no file, and then runs after the next write',
    ],
  },
  {
    name: 'the smallest write buffer is refused',
    file: 'wal-level-disk/src/options.ts',
    find: 'disk.writeBufferBytes, 64 * kibibyte, gibibyte',
    replace: 'disk.writeBufferBytes, 64 * kibibyte + 1, gibibyte',
    caughtBy: [options, 'is accepted at both of its bounds'],
  },
  {
    name: 'fewer tables are allowed than LevelDB has',
    file: 'wal-level-disk/src/options.ts',
    find: 'disk.openTablesMax, 74, 50_000',
    replace: 'disk.openTablesMax, 73, 50_000',
    caughtBy: [options, 'is refused one below, one above, and when it is not an integer'],
  },
  {
    name: 'a block cache above 2 GiB is taken',
    file: 'wal-level-disk/src/options.ts',
    find: 'disk.blockCacheBytes, 0, 2 * gibibyte',
    replace: 'disk.blockCacheBytes, 0, 2 * gibibyte + 1',
    caughtBy: [options, 'is refused one below, one above, and when it is not an integer'],
  },
];
