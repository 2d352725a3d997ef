/**
 * The planted errors of each package. Those of `raft-core` and those that the simulated clusters
 * find have lists of their own, beside their tests.
 */
import type { Mutant } from '../mutant.ts';
import { builder } from './builder.ts';
import { forgedBytes } from './forged-bytes.ts';
import { raft } from './raft.ts';
import { raftCalls } from './raft-calls.ts';
import { raftFirstAndLast } from './raft-first-and-last.ts';
import { raftHostileMembers } from './raft-hostile-members.ts';
import { raftPassedOver } from './raft-passed-over.ts';
import { raftPlausible } from './raft-plausible.ts';
import { raftShortages } from './raft-shortages.ts';
import { raftTwoAtOnce } from './raft-two-at-once.ts';
import { raftpb } from './raftpb.ts';
import { sessionLimits } from './session-limits.ts';
import { session } from './session.ts';
import { snapshot } from './snapshot.ts';
import { snapshotResumed } from './snapshot-resumed.ts';
import { transportHttpAccess } from './transport-http-access.ts';
import { transportHttpBudget } from './transport-http-budget.ts';
import { transportHttpCertificates } from './transport-http-certificates.ts';
import { transportHttpChangeOver } from './transport-http-change-over.ts';
import { transportHttpServer } from './transport-http-server.ts';
import { transportHttp } from './transport-http.ts';
import { transportMemory } from './transport-memory.ts';
import { vfsNamesAndRecords } from './vfs-names-and-records.ts';
import { vfs } from './vfs.ts';
import { walCore } from './wal-core.ts';
import { walEtcdEdges } from './wal-etcd-edges.ts';
import { walEtcd } from './wal-etcd.ts';
import { walFilesPieces } from './wal-files-pieces.ts';
import { walFiles } from './wal-files.ts';
import { walLevelDisk } from './wal-level-disk.ts';
import { walLevel } from './wal-level.ts';
import { walLevelValues } from './wal-level-values.ts';
import { walMemory } from './wal-memory.ts';
import { walNativeBytes } from './wal-native-bytes.ts';
import { walNativeEdges } from './wal-native-edges.ts';
import { walNative } from './wal-native.ts';

const lists: Readonly<Record<string, readonly Mutant[]>> = {
  builder,
  // These errors are in several packages; the corpus of the fuzzer detects them.
  fuzz: forgedBytes,
  raft: [
    ...raft,
    ...raftCalls,
    ...raftFirstAndLast,
    ...raftHostileMembers,
    ...raftPassedOver,
    ...raftPlausible,
    ...raftShortages,
    ...raftTwoAtOnce,
  ],
  raftpb,
  session: [...session, ...sessionLimits],
  snapshot: [...snapshot, ...snapshotResumed],
  'transport-http': [
    ...transportHttp,
    ...transportHttpAccess,
    ...transportHttpBudget,
    ...transportHttpCertificates,
    ...transportHttpChangeOver,
    ...transportHttpServer,
  ],
  'transport-memory': transportMemory,
  vfs: [...vfs, ...vfsNamesAndRecords],
  'wal-core': walCore,
  'wal-etcd': [...walEtcd, ...walEtcdEdges],
  'wal-files': [...walFiles, ...walFilesPieces],
  'wal-level': [...walLevel, ...walLevelValues],
  'wal-level-disk': walLevelDisk,
  'wal-memory': walMemory,
  'wal-native': [...walNative, ...walNativeBytes, ...walNativeEdges],
};

/** Those of all packages, whatever `BABUZA_MUTANTS_OF` says. */
export const allMutants: readonly Mutant[] = Object.values(lists).flat();

/** The packages whose errors are planted: `BABUZA_MUTANTS_OF=raft,wal-core`. Default: all. */
const packages = process.env['BABUZA_MUTANTS_OF']?.split(',') ?? Object.keys(lists);

/** With `BABUZA_LADDER_SLICE=2/4` every fourth of them, beginning with the second. */
const [slice = 1, slices = 1] = (process.env['BABUZA_LADDER_SLICE'] ?? '1/1')
  .split('/')
  .map(Number);

export const mutants: readonly Mutant[] = packages
  .flatMap((name) => {
    const list = lists[name];
    if (list === undefined) {
      const known = Object.keys(lists).join(', ');
      throw new RangeError(
        `BABUZA_MUTANTS_OF names the package ${name}, expected some of ${known}`,
      );
    }
    return list;
  })
  .filter((_, at) => at % slices === slice - 1);
