/** The status of a node, as a copy that does not change any more. */
import type { RawNode } from '@babuza/raft-core';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { EntryStorage, TailReport, Wal, WalStats } from '@babuza/wal-core';
import type { BabuzaConfig } from './config.ts';
import type { ClusterIdentity } from './identity/cluster-identity.ts';
import type { Member } from './membership/membership.ts';

export type RaftRole = 'follower' | 'candidate' | 'leader' | 'pre-candidate';

/** The progress of a member, as its leader knows it. */
export interface PeerProgress {
  readonly id: bigint;
  /** The member's log is known to match the leader's up to this index. */
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly recentlyActive: boolean;
}

/** Counts of the calls of one kind that were made at this node since it started. */
export interface CallCounts {
  /** Calls that wait for an answer. */
  readonly pending: number;
  readonly answered: number;
  /**
   * Calls that were rejected: refused, dropped, or of unknown outcome. Calls that their signal
   * ended are not counted.
   */
  readonly failed: number;
}

export interface SessionCounts {
  readonly open: number;
  /** Repeated proposals that were answered and not applied again, since the start of this node. */
  readonly duplicates: number;
  /**
   * Proposals that were refused because their session had ended or their sequence was answered
   * before.
   */
  readonly refused: number;
}

export interface RaftStatus {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly groupId: bigint;
  readonly role: RaftRole;
  readonly term: number;
  /** The id of the leader; `0n` when no leader is known. */
  readonly leader: bigint;
  readonly commitIndex: number;
  /** The state machine reflects the log up to this index. */
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly proposals: CallCounts;
  readonly reads: CallCounts;
  readonly snapshot: Pick<SnapshotMetadata, 'index' | 'term'> | undefined;
  /** Ascending by id; empty on a node that does not lead. */
  readonly progress: readonly PeerProgress[];
  readonly sessions: SessionCounts;
  /** Messages of other nodes that were refused since the start; see the event `message-refused`. */
  readonly refusedMessages: number;
  readonly diskFull: boolean;
  /**
   * How long a committed entry has waited for the state machine, in ms, with a precision of a tenth
   * of `applyLagMsMax`; 0 when none waits.
   */
  readonly applyLagMs: number;
  /** Whether a save takes longer than the bound; see `BabuzaConfig.leaderStallShare`. */
  readonly diskSlow: boolean;
  /** The result of recovery behind the last complete batch of the log. */
  readonly tail: TailReport;
  readonly wal: WalStats;
}

/** Whether clients should be sent to this node. */
export type Readiness =
  | {
      readonly ready: true;
      /**
       * Problems that an operator should look at although the node serves clients, as text for
       * people.
       */
      readonly concerns?: readonly string[];
    }
  | { readonly ready: false; /** For people. */ readonly reason: string };

export interface ClusterInfo {
  readonly clusterId: bigint;
  readonly leader: bigint;
  /** Ascending by id. */
  readonly members: readonly Member[];
  /** Ids of removed members. They are never used again. */
  readonly removed: readonly bigint[];
  /** The identity of this cluster, as far as this node knows it. */
  readonly identity: ClusterIdentity;
}

/** The parts of a node that a status is read from. */
export interface StatusSources {
  readonly config: BabuzaConfig;
  readonly node: RawNode;
  readonly storage: EntryStorage;
  readonly wal: Wal;
  readonly state: { readonly appliedIndex: number };
  readonly proposals: { readonly counts: CallCounts };
  readonly reads: { readonly counts: CallCounts };
  readonly apply: { readonly sessionCounts: SessionCounts };
  readonly append: { readonly full: boolean };
  readonly applyLag: { readonly lagMs: number };
  readonly guard: { readonly isSlow: boolean };
  readonly refused: { readonly count: number };
  readonly snapshots: { newest(): RaftStatus['snapshot'] };
}

const roles: readonly RaftRole[] = ['follower', 'candidate', 'leader', 'pre-candidate'];
const progressStates = ['probe', 'replicate', 'snapshot'] as const;

export function statusOf(sources: StatusSources, tail: TailReport): RaftStatus {
  const { config, node, storage, wal, state } = sources;
  const core = node.status();
  return {
    clusterId: config.clusterId,
    nodeId: config.nodeId,
    groupId: config.groupId,
    role: roles[core.raftState] ?? 'follower',
    term: core.term,
    leader: core.lead,
    commitIndex: core.commit,
    appliedIndex: state.appliedIndex,
    firstIndex: storage.firstIndex(),
    lastIndex: storage.lastIndex(),
    proposals: sources.proposals.counts,
    reads: sources.reads.counts,
    snapshot: sources.snapshots.newest(),
    progress: [...core.progress.values()].map(({ id, match, next, state: at, recentActive }) => ({
      id,
      matchIndex: match,
      nextIndex: next,
      state: progressStates[at] ?? 'probe',
      recentlyActive: recentActive,
    })),
    sessions: sources.apply.sessionCounts,
    refusedMessages: sources.refused.count,
    diskFull: sources.append.full,
    applyLagMs: sources.applyLag.lagMs,
    diskSlow: sources.guard.isSlow,
    tail,
    wal: wal.stats,
  };
}
