/** Leadership on its way to another voter. */
import type { CoreDriver } from '../driver/core-driver.ts';
import type { Status } from '@babuza/raft-core';
import type { Clock, Timer } from '@babuza/vfs';
import type { BabuzaConfig } from '../config.ts';
import { DroppedError, type StoppedError } from '../errors.ts';
import type { RaftEventHub } from '../events.ts';
import { waiting } from '../proposals/waiters.ts';

export interface HandOverParts {
  readonly config: BabuzaConfig;
  readonly clock: Clock;
  readonly events: RaftEventHub;
  readonly isLeader: () => boolean;
  readonly core: Pick<CoreDriver, 'tryRun'>;
  readonly onStop: (call: (cause: StoppedError) => void) => () => void;
}

/**
 * The voter to hand leadership to: one that was heard from lately if there is one, then the
 * furthest.
 */
export function bestSuccessor({ id: self, progress }: Status): bigint | undefined {
  let best: { id: bigint; match: number; recentActive: boolean } | undefined;
  for (const { id, match, isLearner, recentActive } of progress.values()) {
    if (isLearner || id === self) continue;
    const isBetter =
      best === undefined ||
      (recentActive === best.recentActive ? match > best.match : recentActive);
    if (isBetter) best = { id, match, recentActive };
  }
  return best?.id;
}

/**
 * The voter that has answered since the last check of the quorum and whose log is furthest, if
 * there is one.
 */
export function activeSuccessor({ id: self, progress }: Status): bigint | undefined {
  let best: { id: bigint; match: number } | undefined;
  for (const { id, match, isLearner, recentActive } of progress.values()) {
    if (isLearner || id === self || !recentActive) continue;
    if (best === undefined || match > best.match) best = { id, match };
  }
  return best?.id;
}

/**
 * Whether a quorum, the leader included, has answered since the last check. While joint, one of
 * each half.
 */
export function isQuorumActive({ config, progress }: Status): boolean {
  return [config.incoming, config.outgoing].every((voters) => {
    const active = voters.filter((id) => progress.get(id)?.recentActive === true);
    return voters.length === 0 || active.length > voters.length / 2;
  });
}

/**
 * Resolves when `target` leads; rejects with `RAFT_DROPPED` when that did not come about within two
 * election timeouts.
 *
 * The core asks the target once, and gives up after an election timeout. The request may get lost,
 * or come before the target knows that it is a voter; so the core is asked again with every tick.
 * Where it is at it, that changes nothing.
 */
export function handOver(
  { config, clock, events, isLeader, core, onStop }: HandOverParts,
  target: bigint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ticksMax = 2 * config.electionTicks;
  return waiting<void>(signal, (waiter) => {
    let ticks = 0;
    let timer: Timer | undefined;
    const ask = (): void => {
      if (ticks === ticksMax) {
        waiter.reject(new DroppedError(`${target} did not take over within ${ticks} ticks`));
        return;
      }
      ticks += 1;
      if (isLeader()) core.tryRun((node) => node.transferLeader(target));
      timer = clock.startTimer(config.tickMs, ask);
    };
    const unsubscribe = events.subscribe((event) => {
      if (event.type === 'leader' && event.leader === target) waiter.resolve();
    });
    const endWatch = onStop(waiter.reject);
    ask();
    return () => {
      timer?.cancel();
      unsubscribe();
      endWatch();
    };
  });
}
