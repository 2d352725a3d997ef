import type { Mutant } from '../mutant.ts';

const interleavings = 'wal-native/test/interleavings.test.ts';

export const walFiles: readonly Mutant[] = [
  // Errors in single lines of each source file, with the histories that show them.
  {
    name: 'a log that is not opened after all stays open',
    file: 'wal-files/src/file-wal-manager.ts',
    find: '      await found.abandon();\n      throw error;',
    replace: '      throw error;',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves no file open where it is whole'],
  },
  {
    name: 'a prepared file of another length becomes a segment',
    file: 'wal-files/src/spare-files.ts',
    find: 'if (preparation !== undefined && preparation.bytes === bytes) {',
    replace: 'if (preparation !== undefined && preparation.bytes >= bytes) {',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'of another length are not taken'],
  },
  {
    name: 'a failure in the background fails the save',
    file: 'wal-files/src/spare-files.ts',
    find: 'const prepared = await preparation.done.catch(() => undefined);',
    replace: 'const prepared = await preparation.done;',
    caughtBy: [
      'wal-files/test/spare-files.test.ts',
      'that failed in the background are tried again',
    ],
  },
  {
    name: 'a prepared file that does not fit is left open',
    file: 'wal-files/src/spare-files.ts',
    find: '      await discard(this.#environment, preparation);\n    }\n    return this.#prepare',
    replace: '    }\n    return this.#prepare',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'of another length are not taken'],
  },
  {
    name: 'half a prepared file stays on a full disk',
    file: 'wal-files/src/spare-files.ts',
    find: '    await fileSystem.unlink(path).catch(() => undefined);\n    throw error;',
    replace: '    throw error;',
    caughtBy: [
      'wal-files/test/spare-files.test.ts',
      'that failed in the background are tried again',
    ],
    promise: 'full disk',
  },
  {
    name: 'a leftover of an earlier preparation is in the way',
    file: 'wal-files/src/spare-files.ts',
    find: 'if ((await fileSystem.kindOf(path)) !== undefined) await fileSystem.unlink(path);',
    replace: '',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'replace what was left over'],
  },
  {
    name: 'a recycled file is given to two segments',
    file: 'wal-files/src/spare-files.ts',
    find: '      this.#recycled.splice(at, 1);',
    replace: '',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are used again, as they are'],
    promise: 'killed process',
  },
  {
    name: 'a recycled file that could not be opened is lost',
    file: 'wal-files/src/spare-files.ts',
    find: `const file = await this.#environment.fileSystem.open(recycled.path, 'write');\n      this.#recycled.splice(at, 1);`,
    replace: `this.#recycled.splice(at, 1);\n      const file = await this.#environment.fileSystem.open(recycled.path, 'write');`,
    caughtBy: ['wal-files/test/spare-files.test.ts', 'that cannot be opened are not forgotten'],
  },
  {
    name: 'prepared zeros are not durable',
    file: 'wal-files/src/spare-files.ts',
    find: '      await file.datasync();\n',
    replace: '',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are made when they are taken'],
    promise: 'new segment',
  },
  {
    name: 'a file is prepared twice',
    file: 'wal-files/src/spare-files.ts',
    find: 'if (this.#preparation !== undefined || this',
    replace: 'if (this',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are made once, however often'],
  },
  {
    name: 'ranges are read into memory that is used again',
    file: 'wal-files/src/read-buffers.ts',
    find: 'if (!reused || length > slabBytes) return uninitializedBytes(length);',
    replace: 'if (length > slabBytes) return uninitializedBytes(length);',
    caughtBy: ['wal-files/test/read-buffers.test.ts', 'hand out memory that belongs to the caller'],
  },
  {
    name: 'the files of an opening whose discard failed stay open',
    file: 'wal-files/src/file-wal-manager.ts',
    find: 'await store.close(false).catch(() => undefined);',
    replace: '',
    caughtBy: ['wal-native/test/handles.test.ts', 'leaves no file open: open-directory'],
  },
  // Sizes and shapes of saves.
  {
    name: 'a frame that is longer than a part is not loaded whole',
    file: 'wal-files/src/scan-window.ts',
    find: 'Math.max(length, partBytes)',
    replace: 'partBytes',
    caughtBy: ['wal-files/test/scan-window.test.ts', 'shows frames of every length'],
    promise: 'killed process',
  },
  {
    name: 'a frame is moved one byte too far into the headroom',
    file: 'wal-files/src/scan-window.ts',
    find: 'const from = headroomBytes - before;',
    replace: 'const from = Math.max(0, headroomBytes - before - 1);',
    caughtBy: ['wal-files/test/scan-window.test.ts', 'shows frames of every length'],
    promise: 'killed process',
  },
  {
    name: 'ranges are read into the buffer that is used again',
    file: 'wal-files/src/read-buffers.ts',
    find: 'if (!reused || length > slabBytes)',
    replace: 'if (length > slabBytes)',
    caughtBy: ['wal-files/test/read-buffers.test.ts', 'hand out memory that belongs to the caller'],
  },
  {
    name: 'a recycled file is handed out twice',
    file: 'wal-files/src/spare-files.ts',
    find: `      this.#recycled.splice(at, 1);
`,
    replace: '',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are used again, as they are'],
    promise: 'killed process',
  },
  {
    name: 'a recycled file of another length is handed out',
    file: 'wal-files/src/spare-files.ts',
    find: 'const at = this.#recycled.findIndex((file) => file.bytes === bytes);',
    replace: 'const at = this.#recycled.length - 1;',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'of another length wait'],
  },
  {
    name: 'the last piece of a new file is as long as the others',
    file: 'wal-files/src/spare-files.ts',
    find: 'piece.subarray(0, Math.min(piece.length, bytes - offset))',
    replace: 'piece',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are made when they are taken'],
  },
  {
    name: 'a purge takes one segment too many out of the list',
    file: 'wal-files/src/segment-list.ts',
    find: 'Math.max(0, segmentId - first)',
    replace: 'Math.max(0, segmentId - first + 1)',
    caughtBy: [
      'wal-native/test/sizes.test.ts',
      'that waits for nothing, with a crash at every call',
    ],
    promise: 'purge',
  },
  {
    name: 'the headroom is filled from the start of the part before',
    file: 'wal-files/src/scan-window.ts',
    find: 'this.bytes.subarray(offset - this.start), from)',
    replace: 'this.bytes.subarray(0, before), from)',
    caughtBy: ['wal-files/test/scan-window.test.ts', 'shows frames of every length'],
    promise: 'killed process',
  },
  // Errors that need two things at once: calls that overlap, and a crash or a failure beside them.
  {
    name: 'the zeros of a prepared file are not made durable',
    file: 'wal-files/src/spare-files.ts',
    find: `      await file.datasync();
      await pace.pause();`,
    replace: `      await pace.pause();`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
    promise: 'new segment',
  },
  {
    name: 'identity records of two callers are written at the same time',
    file: 'wal-files/src/identity-records.ts',
    find: `    const result = (this.#turns.get(groupId) ?? Promise.resolve()).then(work);`,
    replace: `    const result = Promise.resolve().then(work);`,
    caughtBy: [interleavings, 'identity records of two callers and a save'],
    promise: 'identity record',
  },
  {
    name: 'the close does not wait for an identity record that is being written',
    file: 'wal-files/src/file-wal-manager.ts',
    find: `    await this.#identities.settled();`,
    replace: ``,
    caughtBy: [interleavings, 'an identity record and the close'],
    promise: 'lost lock',
  },
  {
    name: 'the lock is given back while the logs are being closed',
    file: 'wal-files/src/file-wal-manager.ts',
    find: `    const results = await Promise.allSettled(slots.map(async ({ wal }) => wal?.close()));`,
    replace: `    void Promise.allSettled(slots.map(async ({ wal }) => wal?.close()));
    const results: PromiseSettledResult<void>[] = [];`,
    caughtBy: [interleavings, 'a save that begins a segment and the close'],
    promise: 'lost lock',
  },
  {
    name: 'the file of a preparation that is not needed any more is left open',
    file: 'wal-files/src/spare-files.ts',
    find: `    if (preparation !== undefined) await discard(this.#environment, preparation);
  }`,
    replace: `    preparation?.stop();
  }`,
    caughtBy: [interleavings, 'the mark of an idle log and the close'],
  },
];
