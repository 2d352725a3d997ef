/** What a node tells about itself, copied: it does not change any more. */
import type { RawNode } from '@babuza/raft-core';
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { EntryStorage, TailReport, Wal, WalStats } from '@babuza/wal-core';
import type { BabuzaConfig } from './config.ts';
import type { ClusterIdentity } from './identity/cluster-identity.ts';
import type { Member } from './membership/membership.ts';

export type RaftRole = 'follower' | 'candidate' | 'leader' | 'pre-candidate';

/** What a leader knows of a member. */
export interface PeerProgress {
  readonly id: bigint;
  /** Its log equals the leader's up to here. */
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly recentlyActive: boolean;
}

/** What became of the calls of one kind that were made at this node since it started. */
export interface CallCounts {
  /** They wait for an answer. */
  readonly pending: number;
  readonly answered: number;
  /**
   * They were rejected: refused at the door, dropped, outcome unknown. Those whose waiting a signal
   * ended count nowhere.
   */
  readonly failed: number;
}

export interface SessionCounts {
  readonly open: number;
  /**
   * Proposals that were applied before: they were answered, not applied again. Since the start of
   * this node.
   */
  readonly duplicates: number;
  /** Proposals of sessions that had ended, and sequences that were answered before. */
  readonly refused: number;
}

export interface RaftStatus {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly groupId: bigint;
  readonly role: RaftRole;
  readonly term: number;
  /** `0n`: none is known. */
  readonly leader: bigint;
  readonly commitIndex: number;
  /** Up to here the state machine reflects the log. */
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly proposals: CallCounts;
  readonly reads: CallCounts;
  readonly snapshot: Pick<SnapshotMetadata, 'index' | 'term'> | undefined;
  /** Ascending by id; empty on a node that does not lead. */
  readonly progress: readonly PeerProgress[];
  readonly sessions: SessionCounts;
  /** Messages of other nodes that were refused since the start: see the event `message-refused`. */
  readonly refusedMessages: number;
  readonly diskFull: boolean;
  /**
   * How long a committed entry has waited for the state machine, in ms, to a tenth of
   * `applyLagMsMax`; 0 where none waits.
   */
  readonly applyLagMs: number;
  /** A save takes longer than the bound; see `BabuzaConfig.leaderStallShare`. */
  readonly diskSlow: boolean;
  /** What recovery found behind the last whole batch of the log. */
  readonly tail: TailReport;
  readonly wal: WalStats;
}

/** Whether clients should be sent to a node. */
export type Readiness =
  | {
      readonly ready: true;
      /** What an operator should look at although clients are served, for people. */
      readonly concerns?: readonly string[];
    }
  | { readonly ready: false; /** For people. */ readonly reason: string };

export interface ClusterInfo {
  readonly clusterId: bigint;
  readonly leader: bigint;
  /** Ascending by id. */
  readonly members: readonly Member[];
  /** Ids that were removed and never return. */
  readonly removed: readonly bigint[];
  /** What tells this cluster from every other one, as far as this node knows it. */
  readonly identity: ClusterIdentity;
}

/** Where the figures of a status come from. */
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
