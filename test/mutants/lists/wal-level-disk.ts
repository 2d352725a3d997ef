import type { Mutant } from '../mutant.ts';

const witness = 'wal-level-disk/test/witness-files.test.ts';
const bounds = 'wal-level-disk/test/witness-bounds.test.ts';
const windows = 'wal-level-disk/test/table-windows.test.ts';
const searches = 'wal-level-disk/test/file-mode-searches.test.ts';
const options = 'wal-level-disk/test/option-bounds.test.ts';

/** The log on LevelDB. */
export const walLevelDisk: readonly Mutant[] = [
  {
    name: 'a torn write of the sync record also destroys the newer record',
    file: 'wal-level-disk/src/witness-files.ts',
    find: 'first <= second ? 0 : placeBytes',
    replace: 'first >= second ? 0 : placeBytes',
    caughtBy: [bounds, 'keeps the newer record while'],
  },
  {
    name: 'the sync record of a log that was closed is not durable',
    file: 'wal-level-disk/src/witness-files.ts',
    find: '      if (durable) await file.datasync();\n',
    replace: '',
    caughtBy: [witness, 'is never damaged by a crash'],
  },
  {
    name: 'a new sync record gets its name before its content is synced',
    file: 'wal-level-disk/src/witness-files.ts',
    find: '      await file.write(content, 0);\n      await file.datasync();\n',
    replace: '      await file.write(content, 0);\n',
    caughtBy: [witness, 'is never damaged by a crash'],
  },
  {
    name: 'the name of a new sync record is not durable',
    file: 'wal-level-disk/src/witness-files.ts',
    find: '    await this.#files.syncDirectory(this.#directory);\n',
    replace: '',
    caughtBy: [witness, 'is never damaged by a crash'],
  },
  {
    name: 'a sync record whose creation was interrupted is never created again',
    file: 'wal-level-disk/src/witness-files.ts',
    find: '    if ((await this.#files.kindOf(temporary)) !== undefined) await this.#files.unlink(temporary);\n',
    replace: '',
    caughtBy: [bounds, 'an interrupted making of it has left'],
  },
  {
    name: 'a sync record of another version is believed',
    file: 'wal-level-disk/src/witness-files.ts',
    find: ' || view.getUint32(8) !== formatVersion) return',
    replace: ') return',
    caughtBy: [bounds, 'with version 2 says nothing'],
  },
  {
    name: 'a batch number above 2^53 is rounded',
    file: 'wal-level-disk/src/witness-files.ts',
    find: 'Number.isSafeInteger(batch) ? batch : undefined',
    replace: 'batch',
    caughtBy: [bounds, 'a batch of 2^53 and more'],
  },
  {
    name: 'the file of a sync record stays open after a failed write',
    file: 'wal-level-disk/src/witness-files.ts',
    find: '      if (durable) await file.datasync();\n    } finally {\n      await file.close();\n    }',
    replace: '      if (durable) await file.datasync();\n    } finally {\n    }',
    caughtBy: [bounds, 'is closed where write fails'],
  },
  {
    name: 'the file of a sync record stays open after a failed read',
    file: 'wal-level-disk/src/witness-files.ts',
    find: '    } finally {\n      await file.close();\n    }\n  }\n\n  #fileOf',
    replace: '    } finally {\n    }\n  }\n\n  #fileOf',
    caughtBy: [bounds, 'is closed where read fails'],
  },
  {
    name: 'a damaged sync record is not reported',
    file: 'wal-level-disk/src/witness-files.ts',
    find: "return { kind: 'damaged', file };",
    replace: "return { kind: 'nothing' };",
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
    caughtBy: [windows, 'those with the old extension'],
  },
  {
    name: 'no table behind one that is missing is verified',
    file: 'wal-level-disk/src/table-check.ts',
    find: '    if (file === undefined) continue;',
    replace: '    if (file === undefined) return;',
    caughtBy: [windows, 'behind one that a compaction has replaced'],
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
    caughtBy: [windows, 'the index, and the filter'],
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
    caughtBy: [searches, 'the end cancels the search'],
  },
  {
    name: 'files of a compaction that goes on stay open to others',
    file: 'wal-level-disk/src/file-modes.ts',
    find: '    if (found > 0) this.noticeWrite();\n',
    replace: '    void found;\n',
    caughtBy: [searches, 'is repeated until one finds none'],
  },
  {
    name: 'new files are looked for once only',
    file: 'wal-level-disk/src/file-modes.ts',
    find: '    this.#timer = undefined;\n    if',
    replace: '    if',
    caughtBy: [searches, 'is repeated until one finds none'],
  },
  {
    name: 'the smallest write buffer is refused',
    file: 'wal-level-disk/src/options.ts',
    find: 'disk.writeBufferBytes, 64 * kibibyte, gibibyte',
    replace: 'disk.writeBufferBytes, 64 * kibibyte + 1, gibibyte',
    caughtBy: [options, 'is taken at both of its bounds'],
  },
  {
    name: 'fewer tables are allowed than LevelDB has',
    file: 'wal-level-disk/src/options.ts',
    find: 'disk.openTablesMax, 74, 50_000',
    replace: 'disk.openTablesMax, 73, 50_000',
    caughtBy: [options, 'is refused one below, one above'],
  },
  {
    name: 'a block cache above 2 GiB is taken',
    file: 'wal-level-disk/src/options.ts',
    find: 'disk.blockCacheBytes, 0, 2 * gibibyte',
    replace: 'disk.blockCacheBytes, 0, 2 * gibibyte + 1',
    caughtBy: [options, 'is refused one below, one above'],
  },
];
