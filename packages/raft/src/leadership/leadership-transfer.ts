/** Transfers leadership to another voter. */
import type { CoreDriver } from '../driver/core-driver.ts';
import type { Status } from '@babuza/raft-core';
import type { Clock, Timer } from '@babuza/vfs';
import type { BabuzaConfig } from '../config.ts';
import { DroppedError, type StoppedError } from '../errors.ts';
import type { RaftEventHub } from '../events.ts';
import { waiting } from '../proposals/waiters.ts';

export interface LeadershipTransferParts {
  readonly config: BabuzaConfig;
  readonly clock: Clock;
  readonly events: RaftEventHub;
  readonly isLeader: () => boolean;
  readonly core: Pick<CoreDriver, 'tryRun'>;
  readonly onStop: (call: (cause: StoppedError) => void) => () => void;
}

/**
 * The voter to transfer leadership to. Voters that have answered recently come first; among equals
 * the one with the highest match index.
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
 * The voter with the highest match index among those that have answered since the last check of the
 * quorum, if there is any.
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
 * Whether a quorum, including the leader, has answered since the last check. While joint, a quorum
 * of each half.
 */
export function isQuorumActive({ config, progress }: Status): boolean {
  return [config.incoming, config.outgoing].every((voters) => {
    const active = voters.filter((id) => progress.get(id)?.recentActive === true);
    return voters.length === 0 || active.length > voters.length / 2;
  });
}

/**
 * Resolves when `target` leads. Rejects with `RAFT_DROPPED` when it does not lead within two
 * election timeouts.
 *
 * The core asks the target once, and gives up after an election timeout. The request may get lost,
 * or arrive before the target knows that it is a voter, so the core is asked again with every tick.
 * Asking again during a transfer has no effect.
 */
export function transferLeadership(
  { config, clock, events, isLeader, core, onStop }: LeadershipTransferParts,
  target: bigint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ticksMax = 2 * config.electionTicks;
  return waiting<void>(signal, (waiter) => {
    let ticks = 0;
    let timer: Timer | undefined;
    const ask = (): void => {
      if (ticks === ticksMax) {
        waiter.reject(
          new DroppedError(`node ${target} did not become leader within ${ticks} ticks`),
        );
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
