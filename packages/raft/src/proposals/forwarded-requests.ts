/**
 * Proposals that followers have forwarded to this node. A transport may repeat a message, and its
 * proposals must not be appended, and so applied, a second time. Each proposal has a number that
 * its sender uses once. The newest numbers of each incarnation of each sender are remembered here;
 * an older one counts as repeated and is dropped. The numbers of an incarnation only grow: a sender
 * that has used them all goes on with the next one (`nextRequestNumber`).
 *
 * Only the leader checks the numbers, and only it appends the proposals. If a node that is not the
 * leader any more forwarded them, copies of one proposal could reach two leaders. Nothing here is
 * kept across a restart, so a transport must not deliver a copy to the next process.
 *
 * Decisions: docs/decisions/0026-proposals-and-their-outcomes.md and
 * docs/decisions/0028-transport-port.md.
 */
import { EntryType, type Entry, type Message } from '@babuza/raftpb';
import { decodeEnvelope, requestsPerIncarnation, type RequestId } from './envelope.ts';

/**
 * How many numbers of an incarnation are remembered: the newest one and those shortly before it.
 */
const knownMax = 4096;
const incarnationsKept = 2;
/** How many older incarnations of each sender are remembered by their number only. */
const endedMax = 1024;

/** The numbers of one incarnation: the newest one, and which of the last `knownMax` have come. */
interface Incarnation {
  newest: number;
  /**
   * For each remainder modulo `knownMax`, the last number that has come with it, plus one; 0 when
   * none has come. The last `knownMax` numbers all have different remainders.
   */
  readonly known: Uint32Array;
}

interface Sender {
  readonly incarnations: Map<number, Incarnation>;
  /**
   * The proposals of these incarnations count as repeated. Otherwise a copy of one would be taken
   * for the first proposal of a new incarnation, and would displace one whose numbers are
   * remembered.
   */
  readonly ended: Set<number>;
}

export class ForwardedRequests {
  readonly #senders = new Map<bigint, Sender>();

  /** Whether all proposals of a message may be appended. They are remembered from then on. */
  take({ entries }: Message): boolean {
    // The core would panic on a message without entries.
    return entries.length > 0 && entries.every((entry) => this.#takeEntry(entry));
  }

  #takeEntry({ type, index, data }: Entry): boolean {
    // No member forwards a change of the membership. One that cannot be read would stop every
    // replica, at each start again.
    if (type !== EntryType.Normal) return false;
    // Entries without effect may come twice.
    if (data === undefined || data.length === 0) return true;
    let request: RequestId | undefined;
    try {
      ({ request } = decodeEnvelope(data, index));
    } catch {
      // A proposal without a readable number is not taken. If it were appended, it would stop every
      // replica.
    }
    return request !== undefined && this.#takeRequest(request);
  }

  #takeRequest({ nodeId, number }: RequestId): boolean {
    const request = number % requestsPerIncarnation;
    const incarnation = this.#incarnationOf(
      nodeId,
      Math.floor(number / requestsPerIncarnation),
      request,
    );
    if (incarnation === undefined) return false;
    const rest = request % knownMax;
    const isOld = request <= incarnation.newest - knownMax;
    if (isOld || incarnation.known[rest] === request + 1) return false;
    incarnation.newest = Math.max(incarnation.newest, request);
    incarnation.known[rest] = request + 1;
    return true;
  }

  /** Returns `undefined` for an incarnation that has ended. */
  #incarnationOf(nodeId: bigint, number: number, newest: number): Incarnation | undefined {
    const sender: Sender = this.#senders.get(nodeId) ?? {
      incarnations: new Map(),
      ended: new Set(),
    };
    this.#senders.set(nodeId, sender);
    const { incarnations, ended } = sender;
    const known = incarnations.get(number);
    if (known !== undefined) return known;
    if (ended.has(number)) return undefined;
    const incarnation = { newest, known: new Uint32Array(knownMax) };
    incarnations.set(number, incarnation);
    for (const old of incarnations.keys()) {
      if (incarnations.size <= incarnationsKept) break;
      incarnations.delete(old);
      ended.add(old);
    }
    for (const old of ended) if (ended.size > endedMax) ended.delete(old);
    return incarnation;
  }
}
