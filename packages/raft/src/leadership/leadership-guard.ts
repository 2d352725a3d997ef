/**
 * Makes a leader that cannot do its work give up leadership: its disk is full, a save takes too
 * long, or its event loop has stalled. Otherwise its heartbeats would go on, and every client would
 * wait for it.
 *
 * The leader transfers leadership to a voter that has answered recently. If that fails within half
 * an election timeout, it steps down. For trouble with the disk it needs evidence that the others
 * are better off: entries that are committed without being durable here. Without evidence no other
 * member may be able to do the work (the node is alone, the others cannot be reached, or all share
 * the same slow disk). Then it stays leader, and its readiness gives the reason.
 *
 * A node does not campaign while its disk is full or a save takes too long.
 */
import type { CoreDriver } from '../driver/core-driver.ts';
import type { RawNode, Status } from '@babuza/raft-core';
import type { BabuzaConfig } from '../config.ts';
import type { LeaderTrouble, RaftEvent } from '../events.ts';
import { activeSuccessor, isQuorumActive } from './leadership-transfer.ts';
import { StallTolerance } from './stall-tolerance.ts';
import type { Logger } from '../ports/logger.ts';
import { SaveWatch, type WatchedSaves } from './save-watch.ts';

export interface GuardParts {
  readonly config: BabuzaConfig;
  readonly node: RawNode;
  readonly saves: WatchedSaves & {
    readonly full: boolean;
    /** Why the log rejects saves at the moment, for any reason. */
    readonly waitReason: string | undefined;
    /** Whether any pending save has entries. */
    readonly hasEntries: boolean;
  };
  /** Whether the log may have lost acknowledged entries. Such a node must not be elected. */
  readonly mayHaveLostEntries: () => boolean;
  readonly logger: Logger | undefined;
  readonly isLeader: () => boolean;
  readonly core: Pick<CoreDriver, 'tryRun'>;
  readonly tell: (event: RaftEvent) => void;
  /**
   * Called when nothing that was proposed here will be applied soon. Callers are then told that the
   * outcome is unknown.
   */
  readonly giveUpProposals: () => void;
}

/**
 * When a tick is late, at most this many ticks count as waiting for the disk: the disk's answer may
 * have waited for the event loop.
 */
const diskTicksMax = 2;
/**
 * The shortest stall that counts, in ms. A process that starts, or collects garbage, on a busy
 * machine may stall for as long. With election timeouts shorter than that the others have elected a
 * leader by then, and a transfer costs more than it saves.
 */
const standstillMsMin = 500;

export class LeadershipGuard {
  readonly #parts: GuardParts;
  readonly #watch: SaveWatch;
  readonly #tolerance: StallTolerance;
  readonly #boundMs: number;
  readonly #leaseBoundMs: number;
  readonly #electionTimeoutMs: number;
  #isSlow = false;
  #mayHaveLost = false;
  /** How long the event loop has stalled, in ms; kept until this node does not lead any more. */
  #stoodStillMs = 0;
  /** The time since the attempt to transfer leadership, in ms. */
  #givingUpMs: number | undefined;
  /** The time without a working disk since leadership was lost, in ms. */
  #withoutDiskMs = 0;
  #hasProbed = false;

  constructor(parts: GuardParts) {
    const { tickMs, electionTicks } = parts.config;
    this.#parts = parts;
    this.#watch = new SaveWatch(parts.saves);
    this.#electionTimeoutMs = electionTicks * tickMs;
    this.#tolerance = new StallTolerance(this.#electionTimeoutMs);
    this.#boundMs = stallBoundMs(parts.config);
    this.#leaseBoundMs = Math.min(this.#boundMs, this.#electionTimeoutMs / 2);
  }

  /** Whether a save takes longer than the bound. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Why clients should not be sent here, in words; `undefined` when all is well. */
  get reason(): string | undefined {
    const { saves } = this.#parts;
    if (saves.waitReason !== undefined) return saves.waitReason;
    if (this.#isSlow) {
      return `a save to the log has not finished for ${Math.round(this.#watch.waitedMs)} ms; more than ${Math.round(this.#boundMs)} ms is too slow`;
    }
    if (this.#stoodStillMs === 0) return undefined;
    return `the event loop stood still for ${Math.round(this.#stoodStillMs)} ms; leadership is being transferred`;
  }

  /** Whether the lease of a leader whose last tick was this long ago may still be relied on. */
  trustsLease(sinceTickMs: number): boolean {
    return this.#stoodStillMs === 0 && sinceTickMs - this.#parts.config.tickMs < this.#leaseBoundMs;
  }

  /**
   * `passedMs` is the time since the last tick. It is much longer than a tick when the event loop
   * has stalled.
   */
  tick(passedMs: number): void {
    const { config, isLeader } = this.#parts;
    this.#lossChanged();
    this.#watch.tick(Math.min(passedMs, diskTicksMax * config.tickMs));
    this.#diskChanged();
    const lateMs = passedMs - config.tickMs;
    this.#tolerance.tick(passedMs, lateMs < this.#boundMs ? this.#watch.lastTick : 'slow');
    if (isLeader()) {
      this.#withoutDiskMs = 0;
      if (lateMs >= this.#standstillBoundMs()) this.#stoodStill(lateMs);
      this.#guard(passedMs);
    } else this.#followed(passedMs);
  }

  /**
   * Called when the log begins to reject saves (a full disk, a system short of something), or takes
   * them again.
   */
  savesRejected(): void {
    this.#withhold();
    if (this.#parts.isLeader()) this.#guard(0);
  }

  /** Called when this node does not lead any more, for any reason. */
  leadershipLost(): void {
    this.#givingUpMs = undefined;
    this.#stoodStillMs = 0;
  }

  #diskChanged(): void {
    const { saves, logger, tell } = this.#parts;
    const { waitedMs } = this.#watch;
    // Rejected saves are reported separately.
    const isSlow = saves.waitReason === undefined && waitedMs >= this.#boundMs;
    if (isSlow === this.#isSlow) return;
    this.#isSlow = isSlow;
    this.#hasProbed = false;
    this.#withhold();
    tell({ type: 'disk-slow', slow: isSlow });
    if (isSlow) logger?.warn('a save to the log takes too long', { waitedMs });
    else logger?.info('saves to the log finish again');
  }

  /** A message since the last tick may have shown a loss, or the log may have caught up again. */
  #lossChanged(): void {
    const mayHaveLost = this.#parts.mayHaveLostEntries();
    if (mayHaveLost === this.#mayHaveLost) return;
    this.#mayHaveLost = mayHaveLost;
    this.#withhold();
  }

  #withhold(): void {
    const { node, saves } = this.#parts;
    const isRejecting = saves.waitReason !== undefined;
    node.withholdCampaigns(this.#isSlow || isRejecting || this.#mayHaveLost);
  }

  /**
   * When reads rely on the lease, its bound counts: another leader may have acknowledged writes
   * meanwhile.
   */
  #standstillBoundMs(): number {
    if (this.#parts.config.leaseReads) return this.#leaseBoundMs;
    const boundMs = Math.min(this.#electionTimeoutMs, this.#boundMs * this.#tolerance.factor);
    return Math.max(standstillMsMin, boundMs);
  }

  /**
   * Another node may be leader meanwhile, and the lease does not hold. A single voter has nobody to
   * ask.
   */
  #stoodStill(lateMs: number): void {
    const { config, node, logger, core, tell } = this.#parts;
    tell({ type: 'stood-still', durationMs: lateMs });
    logger?.warn('the event loop stood still', { durationMs: lateMs });
    const hasOthers = [...node.status().progress.values()].some(
      ({ id, isLearner }) => id !== config.nodeId && !isLearner,
    );
    if (!hasOthers) return;
    // Only once: each call begins a new election timeout, during which a leader without a quorum
    // would stay.
    if (this.#stoodStillMs === 0) core.tryRun((raft) => raft.doubtMembers());
    this.#stoodStillMs = Math.max(this.#stoodStillMs, lateMs);
  }

  #guard(passedMs: number): void {
    const trouble = this.#trouble();
    if (trouble === undefined) {
      this.#givingUpMs = undefined;
      return;
    }
    if (this.#givingUpMs !== undefined) this.#givingUpMs += passedMs;
    const status = this.#parts.node.status();
    if (!this.#othersGoOn(trouble, status)) return;
    if (this.#givingUpMs === undefined) {
      const to = activeSuccessor(status);
      if (to === undefined) return;
      this.#givingUpMs = 0;
      if (!isRejection(trouble)) this.#tolerance.leadershipTransferred();
      this.#giveUp(trouble, to);
    } else if (this.#givingUpMs >= this.#electionTimeoutMs / 2) this.#giveUp(trouble, undefined);
  }

  #trouble(): LeaderTrouble | undefined {
    const { saves } = this.#parts;
    if (saves.full) return 'disk-full';
    if (saves.waitReason !== undefined) return 'system-short';
    // A transfer that has begun goes on with the plain bound: the tolerance is for the next
    // trouble.
    const factor = this.#givingUpMs === undefined ? this.#tolerance.factor : 1;
    if (this.#watch.waitedMs >= this.#boundMs * factor) return 'disk-slow';
    return this.#stoodStillMs > 0 ? 'stood-still' : undefined;
  }

  #othersGoOn(trouble: LeaderTrouble, status: Status): boolean {
    if (trouble === 'stood-still') return isQuorumActive(status);
    const durable = status.progress.get(status.id)?.match;
    if (durable === undefined) return false;
    if (status.commit > durable) return true;
    this.#probe();
    return false;
  }

  /**
   * Proposes an empty entry when no pending save has entries. Without a new entry nothing can show
   * that the disks of the others work.
   */
  #probe(): void {
    const { saves, core } = this.#parts;
    const isForced = this.#watch.waitedMs >= this.#electionTimeoutMs;
    if (this.#hasProbed || !isForced || saves.hasEntries) return;
    this.#hasProbed = true;
    core.tryRun((raft) => void raft.propose(new Uint8Array(0)));
  }

  #giveUp(trouble: LeaderTrouble, to: bigint | undefined): void {
    const { logger, core, tell } = this.#parts;
    logger?.warn('this leader gives up leadership', { trouble, to });
    tell({ type: 'leadership-given-up', trouble, to });
    core.tryRun((raft) => (to === undefined ? raft.stepDown() : raft.transferLeader(to)));
  }

  /**
   * Proposals are applied after they are durable here, and while the disk does not work nobody
   * knows when that is.
   */
  #followed(passedMs: number): void {
    const { saves, giveUpProposals } = this.#parts;
    if (!this.#isSlow && saves.waitReason === undefined) {
      this.#withoutDiskMs = 0;
      return;
    }
    this.#withoutDiskMs += passedMs;
    if (this.#withoutDiskMs >= this.#electionTimeoutMs) giveUpProposals();
  }
}

/** Whether the log itself rejects saves, so that there is no bound to wait for. */
function isRejection(trouble: LeaderTrouble): boolean {
  return trouble === 'disk-full' || trouble === 'system-short';
}

/** How long a save or the event loop may stall, in ms: at least a tick. */
function stallBoundMs({ tickMs, electionTicks, leaderStallShare }: BabuzaConfig): number {
  return Math.max(1, leaderStallShare * electionTicks) * tickMs;
}
