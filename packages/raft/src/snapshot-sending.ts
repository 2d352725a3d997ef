/** Snapshots on their way to members that are too far behind: held while they travel, and replaced where they are damaged. */
import type { Message, SnapshotMetadata } from '@babuza/raftpb';
import type { RaftEvent } from './events.ts';
import { isMember } from './membership.ts';
import type { Logger } from './ports/logger.ts';
import type { SnapshotManager } from './ports/snapshot-manager.ts';
import type { Transport } from './ports/transport.ts';
import type { SnapshotPlace } from './recorded-snapshots.ts';
import type { Waiter } from './waiters.ts';

export interface SnapshotSendingParts {
  readonly manager: SnapshotManager;
  readonly transport: Transport;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
  /** Fires when the node stops. */
  readonly signal: AbortSignal;
  /** Makes a snapshot of what is applied now. */
  readonly take: (waiter: Waiter<SnapshotPlace>) => void;
}

export class SnapshotSending {
  /** Of what is being sent: their log must stay. */
  readonly indexes: number[] = [];
  readonly #parts: SnapshotSendingParts;

  constructor(parts: SnapshotSendingParts) {
    this.#parts = parts;
  }

  /** Sends the snapshot that the core asks for; `report` is called once, in any outcome. */
  async send(message: Message, report: (sent: boolean) => void): Promise<void> {
    const { manager, transport, logger, tell, take, signal } = this.#parts;
    const metadata = message.snapshot?.metadata;
    if (metadata === undefined) return;
    if (!isMember(metadata.confState, message.to)) {
      // It joined after this snapshot, and could not use it. The core asks again, and gets a newer one.
      take({ resolve: () => report(false), reject: () => report(false) });
      return;
    }
    this.indexes.push(metadata.index);
    let arrived = false;
    let isReadable = false;
    try {
      // Held until its fate is known: it stays also between two attempts, whatever goes meanwhile.
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
      arrived = true;
    } catch (error) {
      logger?.warn('sending a snapshot failed', { to: message.to, index: metadata.index, error });
    }
    if (!isReadable) await this.#replaceDamaged(metadata);
    this.indexes.splice(this.indexes.indexOf(metadata.index), 1);
    report(arrived);
    tell({ type: 'snapshot-sent', to: message.to, metadata, arrived });
  }

  /**
   * Where a snapshot that could not be read is damaged, another one is made, of what is applied now: the core goes on to
   * ask for the damaged one otherwise, and perhaps nothing more can be committed without the member that needs it.
   */
  async #replaceDamaged(metadata: SnapshotMetadata): Promise<void> {
    const { manager, logger, take, signal } = this.#parts;
    try {
      if (signal.aborted || (await manager.verify(metadata))) return;
      await new Promise<SnapshotPlace>((resolve, reject) => take({ resolve, reject }));
    } catch (error) {
      logger?.warn('a damaged snapshot was not replaced', { index: metadata.index, error });
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
