/**
 * Planted errors in the identities of clusters, logs and members. The simulation of operators'
 * mistakes must find every one within a few seeds.
 */
import type { Mutant } from './mutant.ts';

const planted: readonly Omit<Mutant, 'simulation'>[] = [
  {
    name: 'a new log beside snapshots of a lost one',
    file: 'raft/src/identity/check-start.ts',
    find: '  if (owner !== undefined) {\n    refuse(',
    replace: '  if (owner !== undefined && owner.startCount < 0) {\n    refuse(',
  },
  {
    name: 'snapshots of another log are taken',
    file: 'raft/src/identity/check-start.ts',
    find: '  if (owner.logId !== record.logId) {',
    replace: "  if (owner.logId === '') {",
  },
  {
    name: 'snapshots of a later start of the log are taken',
    file: 'raft/src/identity/check-start.ts',
    find: 'owner.startCount > record.startCount',
    replace: 'owner.startCount < 0',
  },
  {
    name: 'a log is taken that ends before what was committed at the last orderly end',
    file: 'raft/src/identity/snapshot-owner.ts',
    find: '    if (index > committedIndex) await this.#change(',
    replace: '    if (index < 0) await this.#change(',
  },
  {
    name: 'the origin of a cluster is not compared',
    file: 'raft/src/identity/member-judge.ts',
    find: "for (const part of ['origin', 'birth'] as const) {",
    replace: "for (const part of ['birth'] as const) {",
  },
  {
    name: 'two processes on copies of one disk are admitted',
    file: 'raft/src/identity/member-judge.ts',
    find: 'if (theirs.startCount === known.startCount) {',
    replace: 'if (theirs.startCount < 0) {',
  },
  {
    name: 'a start is not counted',
    file: 'raft/src/identity/start-identity.ts',
    find: 'startCount: before.startCount + 1,',
    replace: 'startCount: Math.max(1, before.startCount),',
  },
  {
    name: 'a recovery keeps the identity of the cluster',
    file: 'raft/src/identity/cluster-identity.ts',
    find: "    origin: digest('renew', { origin: origin ?? null, birth }),\n    birth,\n    previous: withFormer(before),",
    replace: '    origin,\n    birth: before.birth ?? birth,\n    previous: before.previous,',
  },
  {
    name: 'the origin does not depend on the token',
    file: 'raft/src/identity/cluster-identity.ts',
    find: "  return digest('begin', {\n    clusterId: String(clusterId),\n    groupId: String(groupId),\n    membership: membershipToJson(membership),\n    token: token ?? null,",
    replace:
      "  return digest('begin', {\n    clusterId: String(clusterId),\n    groupId: String(groupId),\n    membership: membershipToJson(membership),\n    token: token === undefined ? null : null,",
  },
  {
    name: 'the origin does not depend on the backup',
    file: 'raft/src/identity/cluster-identity.ts',
    find: '    exportId: exportId ?? null,',
    replace: '    exportId: exportId === undefined ? null : null,',
  },
  {
    name: 'an empty directory starts where an existing log was asked for',
    file: 'raft/src/start/open-node.ts',
    find: "if (mode === 'existing' && standalone?.adoptSnapshots !== true) {",
    replace: "if (mode === 'existing' && standalone?.adoptSnapshots === false) {",
  },
];

export const operatorMutants: readonly Mutant[] = planted.map((mutant) => ({
  ...mutant,
  simulation: 'operators',
}));
