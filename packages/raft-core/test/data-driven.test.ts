/**
 * The data-driven tests: scripts with their whole expected output, etcd's and our own.
 * `BABUZA_REWRITE=1` rewrites the outputs in our own files; commit such a change only when its
 * cause is known and wanted. etcd's files are never written. A difference from them is an error of
 * the core.
 */

import { describe, expect, it } from 'vitest';
import {
  etcdFolder,
  filesOf,
  hasEtcdFolder,
  isDefaultEtcdFolder,
  kinds,
  ownFolder,
  requiresEtcdFolder,
} from './datadriven/files.ts';
import { parseFile } from './datadriven/grammar.ts';
import { checkFile, checkOrRewrite } from './datadriven/run.ts';

/**
 * The known numbers of files and directives, so that an error of the reader cannot make tests
 * disappear.
 */
const etcdCounts = {
  interaction: { files: 22, directives: 463 },
  confchange: { files: 7, directives: 48 },
  quorum: { files: 3, directives: 105 },
};

describe("etcd's files", () => {
  if (!hasEtcdFolder) {
    it.skipIf(!requiresEtcdFolder)('exist where they are required', () => {
      console.log("not run: etcd's files");
      expect.fail(`etcd's files are needed in this run, and are not in ${etcdFolder}`);
    });
    console.log("not run: etcd's files");
    return;
  }
  it('exist in the given folder', () => {
    expect(kinds.flatMap((kind) => filesOf(etcdFolder, kind))).not.toEqual([]);
  });
  for (const kind of kinds) {
    const files = filesOf(etcdFolder, kind);
    it.skipIf(!isDefaultEtcdFolder)(`${kind}: all files exist, with all directives`, () => {
      const directives = files.reduce((sum, { text }) => sum + parseFile(text).length, 0);
      expect({ files: files.length, directives }).toEqual(etcdCounts[kind]);
    });
    for (const file of files) {
      it(`${kind}: ${file.name}`, () => checkFile(kind, file));
    }
  }
});

describe('our own files', () => {
  for (const kind of kinds) {
    for (const file of filesOf(ownFolder, kind)) {
      it(`${kind}: ${file.name}`, () => checkOrRewrite(kind, file));
    }
  }
});
