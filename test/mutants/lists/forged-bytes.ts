import type { Mutant } from '../mutant.ts';

const corpus = 'apps/fuzz/test/corpus.test.ts';

/**
 * Planted errors in decoders' checks of bytes with valid checksums. Inputs of the fuzzer detect
 * them.
 */
export const forgedBytes: readonly Mutant[] = [
  {
    name: 'a commit frame of another length is an error without a code',
    file: 'wal-native/src/recovery/scan.ts',
    find: "header.bodyBytes !== commitBodyBytes) return 'broken';",
    replace:
      "header.bodyBytes !== commitBodyBytes) throw new RangeError('the length of a commit frame');",
    caughtBy: [corpus, "of 'native' is taken"],
  },
  {
    name: 'an entry with a lower term than the one before it is read',
    file: 'wal-etcd/src/recovery/replayed-log.ts',
    find: 'if (termBefore !== undefined && term < termBefore) {',
    replace: 'if (termBefore !== undefined && term < termBefore - 2 ** 40) {',
    caughtBy: [corpus, "of 'etcd' is taken"],
  },
  {
    name: 'an id above 64 bits is read from JSON',
    file: 'raft/src/identity/id-text.ts',
    find: 'return id < idLimit ? id : undefined;',
    replace: 'return id;',
    caughtBy: [corpus, "of 'state' is taken"],
  },
];
