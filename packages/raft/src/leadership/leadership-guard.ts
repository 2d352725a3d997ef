/**
 * A leader that cannot do its work makes room for another one: its disk is full, a save takes too
 * long, or its event loop stood still. Its heartbeats would go on, and every client would wait for
 * it.
 *
 * The leader hands leadership to a voter that has answered lately. Where that does not come about
 * within half an election timeout, it steps down. For the disk it needs evidence that the others
 * are better off: entries that are committed without being durable here. Without evidence nobody
 * could do the work (the node is alone, the others are away, or all share the same slow disk), so
 * it stays leader, and its readiness tells why.
 *
 * While its disk is full or a save takes too long, a node does not campaign.
 */
import type { CoreDriver } from '../driver/core-driver.ts';
import type { RawNode, Status } from '@babuza/raft-core';
import type { BabuzaConfig } from '../config.ts';
import type { LeaderTrouble, RaftEvent } from '../events.ts';
import { activeSuccessor, isQuorumActive } from './leadership-transfer.ts';
import { Patience } from './patience.ts';
import type { Logger } from '../ports/logger.ts';
import { SaveWatch, type WatchedSaves } from './save-watch.ts';

export interface GuardParts {
  readonly config: BabuzaConfig;
  readonly node: RawNode;
  readonly saves: WatchedSaves & {
    readonly full: boolean;
    /** Why the log takes nothing at the moment, also where the disk is not full. */
    readonly waitReason: string | undefined;
    /** Whether one of the saves that are not done has entries. */
    readonly hasEntries: boolean;
  };
  /** Whether the log may have lost entries that it had acknowledged: it must not be elected. */
  readonly mayHaveLostEntries: () => boolean;
  readonly logger: Logger | undefined;
  readonly isLeader: () => boolean;
  readonly core: Pick<CoreDriver, 'tryRun'>;
  readonly tell: (event: RaftEvent) => void;
  /**
   * Nothing that was proposed here will be applied soon: callers are told that the outcome is
   * unknown.
   */
  readonly giveUpProposals: () => void;
}

/**
 * No more ticks than this count as waiting for the disk when a tick is late: the answer of the disk
 * may have waited for the event loop.
 */
const diskTicksMax = 2;
/**
 * A process that starts, or collects garbage, on a busy machine stands still for as long. Where
 * election timeouts are that short, the others have elected a leader by then, and handing over
 * costs more than it saves.
 */
const standstillMsMin = 500;

export class LeadershipGuard {
  readonly #parts: GuardParts;
  readonly #watch: SaveWatch;
  readonly #patience: Patience;
  readonly #boundMs: number;
  readonly #leaseBoundMs: number;
  readonly #electionTimeoutMs: number;
  #isSlow = false;
  #mayHaveLost = false;
  /** How long the event loop stood still, until leadership has gone. */
  #stoodStillMs = 0;
  /** Since it was tried to hand leadership over. */
  #givingUpMs: number | undefined;
  /** Since leadership was lost while the disk did not work. */
  #withoutDiskMs = 0;
  #hasProbed = false;

  constructor(parts: GuardParts) {
    const { tickMs, electionTicks } = parts.config;
    this.#parts = parts;
    this.#watch = new SaveWatch(parts.saves);
    this.#electionTimeoutMs = electionTicks * tickMs;
    this.#patience = new Patience(this.#electionTimeoutMs);
    this.#boundMs = stallBoundMs(parts.config);
    this.#leaseBoundMs = Math.min(this.#boundMs, this.#electionTimeoutMs / 2);
  }

  /** Whether a save takes longer than the bound. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Why clients should not be sent here, in words; nothing when all is well. */
  get reason(): string | undefined {
    const { saves } = this.#parts;
    if (saves.waitReason !== undefined) return saves.waitReason;
    if (this.#isSlow) {
      return `a save to the log has not finished for ${Math.round(this.#watch.waitedMs)} ms; more than ${Math.round(this.#boundMs)} ms is too slow`;
    }
    if (this.#stoodStillMs === 0) return undefined;
    return `the event loop stood still for ${Math.round(this.#stoodStillMs)} ms; leadership is being handed over`;
  }

  /** Whether the lease of a leader whose last tick is so long ago may still be trusted. */
  trustsLease(sinceTickMs: number): boolean {
    return this.#stoodStillMs === 0 && sinceTickMs - this.#parts.config.tickMs < this.#leaseBoundMs;
  }

  /**
   * `passedMs` have passed since the last tick: much more than a tick when the event loop stood
   * still.
   */
  tick(passedMs: number): void {
    const { config, isLeader } = this.#parts;
    this.#lossChanged();
    this.#watch.tick(Math.min(passedMs, diskTicksMax * config.tickMs));
    this.#diskChanged();
    const lateMs = passedMs - config.tickMs;
    this.#patience.tick(passedMs, lateMs < this.#boundMs ? this.#watch.lastTick : 'slow');
    if (isLeader()) {
      this.#withoutDiskMs = 0;
      if (lateMs >= this.#standstillBoundMs()) this.#stoodStill(lateMs);
      this.#guard(passedMs);
    } else this.#followed(passedMs);
  }

  /**
   * The log rejects saves for now (a full disk, a system short of something), or takes them again.
   */
  savesRejected(): void {
    this.#withhold();
    if (this.#parts.isLeader()) this.#guard(0);
  }

  /** This node leads no more, whatever the reason. */
  leadershipLost(): void {
    this.#givingUpMs = undefined;
    this.#stoodStillMs = 0;
  }

  #diskChanged(): void {
    const { saves, logger, tell } = this.#parts;
    const { waitedMs } = this.#watch;
    // Saves that are rejected are told as that.
    const isSlow = saves.waitReason === undefined && waitedMs >= this.#boundMs;
    if (isSlow === this.#isSlow) return;
    this.#isSlow = isSlow;
    this.#hasProbed = false;
    this.#withhold();
    tell({ type: 'disk-slow', slow: isSlow });
    if (isSlow) logger?.warn('a save to the log takes too long', { waitedMs });
    else logger?.info('saves to the log finish again');
  }

  /** A message may have told it since the last tick, or the log has come as far as it was. */
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
   * The bound is that of the lease where reads trust it: another leader may have answered writes
   * meanwhile.
   */
  #standstillBoundMs(): number {
    if (this.#parts.config.leaseReads) return this.#leaseBoundMs;
    const boundMs = Math.min(this.#electionTimeoutMs, this.#boundMs * this.#patience.factor);
    return Math.max(standstillMsMin, boundMs);
  }

  /** Somebody else may lead meanwhile, and no lease holds. A single voter has nobody to ask. */
  #stoodStill(lateMs: number): void {
    const { config, node, logger, core, tell } = this.#parts;
    tell({ type: 'stood-still', durationMs: lateMs });
    logger?.warn('the event loop stood still', { durationMs: lateMs });
    const hasOthers = [...node.status().progress.values()].some(
      ({ id, isLearner }) => id !== config.nodeId && !isLearner,
    );
    if (!hasOthers) return;
    // Only once: each time begins a new election timeout, in which a leader without a quorum would
    // stay.
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
      if (!isRejection(trouble)) this.#patience.handedOver();
      this.#giveUp(trouble, to);
    } else if (this.#givingUpMs >= this.#electionTimeoutMs / 2) this.#giveUp(trouble, undefined);
  }

  #trouble(): LeaderTrouble | undefined {
    const { saves } = this.#parts;
    if (saves.full) return 'disk-full';
    if (saves.waitReason !== undefined) return 'system-short';
    // What has begun goes on: the patience is for the next time.
    const factor = this.#givingUpMs === undefined ? this.#patience.factor : 1;
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
   * Proposes an entry where none waits for the disk: else nothing can show that the disks of the
   * others work.
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
    logger?.warn('leadership is given up', { trouble, to });
    tell({ type: 'leadership-given-up', trouble, to });
    core.tryRun((raft) => (to === undefined ? raft.stepDown() : raft.transferLeader(to)));
  }

  /**
   * Proposals are applied when they are durable here: while the disk does not work, nobody can say
   * when.
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

/** The log says by itself that it takes nothing: there is no time to wait for. */
function isRejection(trouble: LeaderTrouble): boolean {
  return trouble === 'disk-full' || trouble === 'system-short';
}

/** How long a save, or the event loop, may stand still: at least a tick. */
function stallBoundMs({ tickMs, electionTicks, leaderStallShare }: BabuzaConfig): number {
  return Math.max(1, leaderStallShare * electionTicks) * tickMs;
}
