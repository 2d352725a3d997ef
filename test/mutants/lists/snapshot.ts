import type { Mutant } from '../mutant.ts';

const together = 'snapshot/test/two-at-once.test.ts';
const removalFailures = 'snapshot/test/removal-failures.test.ts';

export const snapshot: readonly Mutant[] = [
  {
    name: 'a wrong length in the head of a linked chunk is not noticed',
    file: 'snapshot/src/format/chunk.ts',
    find: 'length !== stored.length',
    replace: 'length === 0',
    caughtBy: [
      'snapshot/test/build.test.ts',
      'are found damaged where a bit of a head is wrong, even in a compressed snapshot',
    ],
  },
  {
    name: 'a reader whose file is being opened outlives its snapshot',
    file: 'snapshot/src/pinned-snapshot.ts',
    find: '      this.#assertOpen();\n      await reader.checkSizes();',
    replace: '      await reader.checkSizes();',
    caughtBy: [
      'snapshot/test/reading.test.ts',
      'ends with the snapshot, even if that was closed while its file was being opened',
    ],
  },
  {
    name: 'a snapshot that is closed twice gives back the hold of another reader',
    file: 'snapshot/src/pinned-snapshot.ts',
    find: 'this.#closing ??= this.#close();',
    replace: 'this.#closing = this.#close();',
    caughtBy: [together, 'stays for one reader although the other one closes it twice'],
    promise: 'removed snapshot',
  },
  {
    name: 'a snapshot is removed while somebody reads it',
    file: 'snapshot/src/kept-snapshots.ts',
    find: "kept.removal !== 'pending' || kept.pins > 0",
    replace: "kept.removal !== 'pending'",
    caughtBy: [together, 'stays for one reader although the other one closes it twice'],
    promise: 'removed snapshot',
  },
  {
    name: 'a snapshot whose folder is removed counts as made',
    file: 'snapshot/src/kept-snapshots.ts',
    find: '    this.#kept.delete(kept.name);\n    await this.#discard',
    replace: '    await this.#discard',
    caughtBy: [together, 'is whole or absent when it is removed meanwhile, at any moment'],
    promise: 'created snapshot',
  },
  {
    name: 'changes of what exists do not take turns',
    file: 'snapshot/src/kept-snapshots.ts',
    find: '    this.#lastChange = result.catch(ignore);\n',
    replace: '',
    caughtBy: ['snapshot/test/managers.test.ts', 'take effect in the order of the calls'],
  },
  {
    name: 'a snapshot that was sent is held for ever',
    file: 'snapshot/src/stored-snapshot-manager.ts',
    find: "removeEventListener('abort', close);\n      await pinned.close();",
    replace: "removeEventListener('abort', close);",
    caughtBy: [together, 'that was sent to its end'],
  },
  {
    name: 'each snapshot that was sent leaves a listener on its signal',
    file: 'snapshot/src/stored-snapshot-manager.ts',
    find: "      signal?.removeEventListener('abort', close);\n",
    replace: '',
    caughtBy: [together, 'that was sent to its end'],
  },
  {
    name: 'two creations of a snapshot that wait for a third run at once',
    file: 'snapshot/src/stored-snapshot-manager.ts',
    find: 'while (this.#creating.has(name)) await',
    replace: 'if (this.#creating.has(name)) await',
    caughtBy: [together, 'is made by one call at a time, and the others return the result'],
    promise: 'created snapshot',
  },
  {
    name: 'the beginning of one transfer removes another one that is under way',
    file: 'snapshot/src/incoming-snapshots.ts',
    find: 'if (!inUse.has(name)) await',
    replace: 'await',
    caughtBy: [together, 'from two leaders are both received whole, chunk by chunk in turn'],
    promise: 'received snapshot',
  },
  {
    name: 'two streams are mixed in one transfer',
    file: 'snapshot/src/incoming-snapshots.ts',
    find: '    const { id } = contents.manifest;\n    this.#refuseBusy(id);',
    replace: '    const { id } = contents.manifest;',
    caughtBy: [
      together,
      'that are the same from two leaders are received from one, and afterwards from the other',
    ],
    promise: 'received snapshot',
  },
  {
    name: 'a transfer that failed keeps all later ones out',
    file: 'snapshot/src/incoming-snapshots.ts',
    find: '      this.#busy.delete(id);\n',
    replace: '',
    caughtBy: [
      together,
      'that are the same from two leaders are received from one, and afterwards from the other',
    ],
  },
  {
    name: 'files of a snapshot go before it has lost its name for good',
    file: 'snapshot/src/snapshot-folder.ts',
    find: '    await fileSystem.syncDirectory(this.path);\n    this.#unsyncedRemovals.delete(name);',
    replace: '    this.#unsyncedRemovals.delete(name);',
    caughtBy: [
      'snapshot/test/removal-order.test.ts',
      'a snapshot loses its name durably before the first of its files is removed:',
    ],
    promise: 'removed snapshot',
  },
  {
    name: 'the files of a snapshot are not synced',
    file: 'snapshot/src/files/chunk-writer.ts',
    find: '    await this.#file.datasync();\n    return {',
    replace: '    return {',
    caughtBy: ['snapshot/test/crash.test.ts', 'at every call leave the old snapshots'],
    promise: 'created snapshot',
  },
  {
    name: 'the chunks that an earlier process received are believed as they lie in the cache',
    file: 'snapshot/src/files/incoming-file.ts',
    find: '      await this.#takeChunk(rewrite);',
    replace: '      await this.#takeChunk(false);',
    caughtBy: [
      'snapshot/test/crash.test.ts',
      'of a process with a failed sync do not make the next process rely on the page cache',
    ],
    promise: 'received snapshot',
  },
  {
    name: 'a snapshot is acknowledged although the lock of the folder was lost',
    file: 'snapshot/src/snapshot-folder.ts',
    find: '    await this.fileSystem.confirm();\n',
    replace: '',
    caughtBy: [
      'snapshot/test/lost-lock.test.ts',
      'is lost at any call, and what was acknowledged stays for the next owner',
    ],
    promise: 'lost lock',
  },
  {
    name: 'chunks of a file may change places',
    file: 'snapshot/src/format/chunk.ts',
    find: 'prefix.writeBigUInt64BE(BigInt(number), 4);',
    replace: 'prefix.writeBigUInt64BE(0n, 4);',
    caughtBy: ['snapshot/test/format.test.ts', 'is the golden bytes'],
    promise: 'damaged snapshot',
  },
  {
    name: 'the name of a finished snapshot is not made durable',
    file: 'snapshot/src/snapshot-folder.ts',
    find: `    try {
      await this.#sinceBegin(from).syncDirectory(this.path);
      this.#begun.delete(from);
    } catch (error) {`,
    replace: `    try {
      await Promise.resolve();
    } catch (error) {`,
    caughtBy: [
      'snapshot/test/crash.test.ts',
      'at every call leave the old snapshots or the new one, whole',
    ],
    promise: 'created snapshot',
  },
  {
    name: 'a snapshot is told only of failed syncs of its folder that come after its publication began',
    file: 'snapshot/src/snapshot-folder.ts',
    find: 'return this.#begun.get(name) ?? this.fileSystem;',
    replace: 'return this.fileSystem.fromNow();',
    caughtBy: [
      'snapshot/test/faults.test.ts',
      'does not store a snapshot whose folder was created before a failed sync of the names',
    ],
  },
  {
    name: 'a removal that failed for the disk is forgotten',
    file: 'snapshot/src/kept-snapshots.ts',
    find: '      this.#unremoved.add(name);',
    replace: '      if (isShortage(error)) this.#unremoved.add(name);',
    caughtBy: [removalFailures, 'is done when it is repeated: the renaming'],
    promise: 'removed snapshot',
  },
  {
    name: 'a second removal of a snapshot is acknowledged before the first one is durable',
    file: 'snapshot/src/stored-snapshot-manager.ts',
    find: 'return await kept.finishRemoval(at);',
    replace: 'return;',
    caughtBy: [removalFailures, 'waits until the first one is durable'],
    promise: 'removed snapshot',
  },
  {
    name: 'a removal whose sync failed is only synced again',
    file: 'snapshot/src/snapshot-folder.ts',
    find: '    this.#unsyncedRemovals.add(name);\n',
    replace: '',
    caughtBy: [removalFailures, 'is done when it is repeated: the sync that loses the name'],
    promise: 'removed snapshot',
  },
  {
    name: 'a file that is added while the others are waited for is taken, and may be left out',
    file: 'snapshot/src/build.ts',
    find: '      this.#sealed = true;\n      await Promise.allSettled(this.#running);',
    replace: '      await Promise.allSettled(this.#running);\n      this.#sealed = true;',
    caughtBy: [
      'snapshot/test/two-at-once.test.ts',
      'accepts no other file, and fails when one is added, because it would lack that file',
    ],
  },
];
