/**
 * Queues proposals before they are given to the core. All proposals of one turn of the event loop
 * go to the core together, before the next turn of the node's loop: as one message to each other
 * member, one save and one response, however many there are.
 */
import { ProposalDroppedError, type ProposedEntry, type RawNode } from '@babuza/raft-core';
import { entryOverheadBytes, type RequestId } from './envelope.ts';
import { leads } from '../driver/loop.ts';

/**
 * A proposal and its callbacks. `placed` and `forwarded` return a cleanup function, for when the
 * caller does not wait any more.
 */
export interface QueuedProposal {
  readonly data: Uint8Array;
  /**
   * The request by which it can be forwarded to another leader; `undefined` when this node led when
   * it was made.
   */
  readonly request: RequestId | undefined;
  readonly placed: (place: ProposedEntry) => () => void;
  readonly forwarded: (request: RequestId) => () => void;
  readonly refused: (error: unknown) => void;
}

export interface ProposalQueueParts {
  /**
   * The most bytes of entries in one batch, so that one message can hold it. A larger single entry
   * makes a batch of its own.
   */
  readonly batchBytesMax: number;
  /**
   * Gives the batch to the core, if that is allowed at the moment. An error that it throws rejects
   * the proposals.
   */
  readonly give: <T>(give: (node: RawNode) => T) => T;
  /** The error for a node that does not lead. */
  readonly notLeader: () => Error;
  /** Asks for a turn of the loop. */
  readonly wake: () => void;
}

interface Queued {
  readonly proposal: QueuedProposal;
  /** The caller does not wait any more. The proposal is made all the same. */
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

  /** Returns a function to be called when the caller does not wait any more. */
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

  /** Gives everything to the core, in order. Never throws. */
  flush(): void {
    if (this.#queued.length > 0) this.#give(this.#takeAll());
  }

  /** Rejects everything in the queue. Nothing of it has reached the core, and nothing will. */
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
      // A batch enters the log as a whole or not at all. One by one, there may still be room for
      // the first of them.
      if (batch.length > 1 && isOverLimit(error)) for (const queued of batch) this.#give([queued]);
      else for (const { proposal } of batch) proposal.refused(error);
    }
  }

  #forward(queued: Queued): void {
    const { data, request, forwarded, refused } = queued.proposal;
    const { give, notLeader } = this.#parts;
    try {
      // Without a request number this node could not recognise the answer.
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
