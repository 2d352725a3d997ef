/**
 * Sends snapshots to members that are too far behind. A snapshot is pinned while it is sent, and
 * replaced when it is damaged.
 */
import type { Message, SnapshotMetadata } from '@babuza/raftpb';
import type { RaftEvent } from '../events.ts';
import { isMember } from '../membership/membership.ts';
import type { Logger } from '../ports/logger.ts';
import type { SnapshotManager } from '../ports/snapshot-manager.ts';
import type { Transport } from '../ports/transport.ts';
import type { SnapshotPlace } from './recorded-snapshots.ts';
import type { SnapshotPauses } from './snapshot-pauses.ts';
import type { Waiter } from '../proposals/waiters.ts';

export interface SnapshotSendingParts {
  readonly manager: SnapshotManager;
  readonly transport: Transport;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
  /** Fires when the node stops. */
  readonly signal: AbortSignal;
  /** Makes a snapshot of the applied state. */
  readonly take: (waiter: Waiter<SnapshotPlace>) => void;
  readonly pauses: SnapshotPauses;
}

export class SnapshotSending {
  /** The indexes of the snapshots that are being sent: the log behind them must stay. */
  readonly indexes: number[] = [];
  readonly #parts: SnapshotSendingParts;

  constructor(parts: SnapshotSendingParts) {
    this.#parts = parts;
  }

  /** Sends the snapshot that the core asks for. Calls `report` once, whatever the outcome. */
  async send(message: Message, report: (sent: boolean) => void): Promise<void> {
    const { take, pauses, tell } = this.#parts;
    const metadata = message.snapshot?.metadata;
    if (metadata === undefined) return;
    // After a failure the core asks again, and gets the snapshot that is the newest then.
    if (pauses.holds(message, () => report(false))) return;
    const failed = (): void => {
      pauses.failed(message);
      report(false);
    };
    if (!isMember(metadata.confState, message.to)) {
      // The member joined after this snapshot, and could not use it. The core asks again, and gets
      // a newer one.
      take({ resolve: () => report(false), reject: failed });
      return;
    }
    this.indexes.push(metadata.index);
    const outcome = await this.#transfer(message, metadata);
    this.indexes.splice(this.indexes.indexOf(metadata.index), 1);
    const arrived = outcome === 'arrived';
    if (arrived) pauses.arrived(message, metadata);
    if (outcome === 'failed') failed();
    else report(arrived);
    tell({ type: 'snapshot-sent', to: message.to, metadata, arrived });
  }

  /** `replaced`: the snapshot was damaged, and another one was made. */
  async #transfer(
    message: Message,
    metadata: SnapshotMetadata,
  ): Promise<'arrived' | 'failed' | 'replaced'> {
    const { manager, transport, logger, signal } = this.#parts;
    let isReadable = false;
    try {
      // Pinned until the outcome is known, so that it is not removed between two attempts of the
      // transport.
      await using pinned = await manager.read(metadata);
      isReadable = true;
      const open = (offset: number): AsyncIterable<Uint8Array> =>
        noticing(
          () => manager.send(pinned.snapshot.metadata, offset, signal),
          () => {
            isReadable = false;
          },
        );
      await transport.sendSnapshot(message, open, signal);
      return 'arrived';
    } catch (error) {
      logger?.warn('sending a snapshot failed', { to: message.to, index: metadata.index, error });
    }
    const isReplaced = !isReadable && (await this.#replaceDamaged(metadata));
    return isReplaced ? 'replaced' : 'failed';
  }

  /**
   * If a snapshot that could not be read is damaged, makes another one of the applied state.
   * Otherwise the core would keep asking for the damaged one, and if a quorum needs that member,
   * nothing more could be committed.
   */
  async #replaceDamaged(metadata: SnapshotMetadata): Promise<boolean> {
    const { manager, logger, take, signal } = this.#parts;
    try {
      if (signal.aborted || (await manager.verify(metadata))) return false;
      await new Promise<SnapshotPlace>((resolve, reject) => take({ resolve, reject }));
      return true;
    } catch (error) {
      logger?.warn('a damaged snapshot was not replaced', { index: metadata.index, error });
      return false;
    }
  }
}

/** Passes a stream on; `onFailure` is called when it throws. */
async function* noticing(
  open: () => AsyncIterable<Uint8Array>,
  onFailure: () => void,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* open();
  } catch (error) {
    onFailure();
    throw error;
  }
}
