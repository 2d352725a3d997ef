/**
 * Proposals between the door and the core. What is proposed while the event loop takes in what has
 * arrived goes to the core together, before the next turn of the node's loop: as one message to
 * each other member, one save and one answer, however many there are.
 */
import { ProposalDroppedError, type ProposedEntry, type RawNode } from '@babuza/raft-core';
import { entryOverheadBytes, type RequestId } from './envelope.ts';
import { leads } from '../driver/loop.ts';

/**
 * What becomes of a proposal. Each returns what is to be tidied up when nobody waits for it any
 * more.
 */
export interface QueuedProposal {
  readonly data: Uint8Array;
  /** By which it can be handed to another leader; none where this node led when it was made. */
  readonly request: RequestId | undefined;
  readonly placed: (place: ProposedEntry) => () => void;
  readonly forwarded: (request: RequestId) => () => void;
  readonly refused: (error: unknown) => void;
}

export interface ProposalQueueParts {
  /** Of their entries: so that a message takes all. What is more does not wait for others. */
  readonly batchBytesMax: number;
  /**
   * Gives it to the core, where that may be done at the moment. What it throws refuses the
   * proposals.
   */
  readonly give: <T>(give: (node: RawNode) => T) => T;
  /** The refusal of who does not lead. */
  readonly notLeader: () => Error;
  /** Asks for a turn of the loop. */
  readonly wake: () => void;
}

interface Queued {
  readonly proposal: QueuedProposal;
  /** Nobody waits for it any more; it is made all the same. */
  left: boolean;
  tidy: () => void;
}

export class ProposalQueue {
  readonly #parts: ProposalQueueParts;
  #queued: Queued[] = [];
  #bytes = 0;

  constructor(parts: ProposalQueueParts) {
    this.#parts = parts;
  }

  get length(): number {
    return this.#queued.length;
  }

  /** Returns what is to be called when nobody waits for it any more. */
  add(proposal: QueuedProposal): () => void {
    const bytes = proposal.data.length + entryOverheadBytes;
    if (this.#bytes + bytes > this.#parts.batchBytesMax) this.flush();
    const queued: Queued = { proposal, left: false, tidy: () => undefined };
    this.#queued.push(queued);
    this.#bytes += bytes;
    this.#parts.wake();
    return () => {
      queued.left = true;
      queued.tidy();
    };
  }

  /** Gives everything to the core, in its order. Never throws. */
  flush(): void {
    if (this.#queued.length > 0) this.#give(this.#takeAll());
  }

  /** Nothing of it has reached the core, and nothing will. */
  refuseAll(error: Error): void {
    for (const { proposal } of this.#takeAll()) proposal.refused(error);
  }

  #takeAll(): Queued[] {
    const all = this.#queued;
    this.#queued = [];
    this.#bytes = 0;
    return all;
  }

  #give(batch: readonly Queued[]): void {
    const data = batch.map(({ proposal }) => proposal.data);
    try {
      const place = this.#parts.give((node) =>
        leads(node.basicStatus()) ? node.proposeAll(data) : undefined,
      );
      batch.forEach((queued, at) => {
        if (place === undefined) this.#forward(queued);
        else waits(queued, queued.proposal.placed({ ...place, index: place.index + at }));
      });
    } catch (error) {
      // They enter the log together or not at all; one by one there is still room for the first of
      // them.
      if (batch.length > 1 && isOverLimit(error)) for (const queued of batch) this.#give([queued]);
      else for (const { proposal } of batch) proposal.refused(error);
    }
  }

  #forward(queued: Queued): void {
    const { data, request, forwarded, refused } = queued.proposal;
    const { give, notLeader } = this.#parts;
    try {
      // Without its number an answer to it would not be known.
      if (request === undefined) throw notLeader();
      give((node) => node.propose(data));
      waits(queued, forwarded(request));
    } catch (error) {
      refused(error);
    }
  }
}

function waits(queued: Queued, tidy: () => void): void {
  queued.tidy = tidy;
  if (queued.left) tidy();
}

const isOverLimit = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof ProposalDroppedError &&
  error.cause.reason === 'uncommitted-limit';
