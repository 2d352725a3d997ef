/**
 * Proposals that followers have handed to this node. A transport may repeat a message, and a
 * proposal must not be appended, and so applied, a second time for that. Each has a number that its
 * sender uses once: of each life of each sender the newest ones are known here. An older one counts
 * as repeated, and so as lost. The numbers of a life only grow: a sender that has used them all
 * goes on with the next life (`nextRequestNumber`).
 *
 * Only the leader looks at them, and only it appends them: were they handed on by a node that leads
 * no more, the copies of one proposal could reach two leaders. Nothing of it outlives the process:
 * a transport must not bring a copy to its next one.
 *
 * Decisions: docs/decisions/0026-proposals-and-their-outcomes.md and
 * docs/decisions/0028-transport-port.md.
 */
import { EntryType, type Entry, type Message } from '@babuza/raftpb';
import { decodeEnvelope, requestsPerLife, type RequestId } from './envelope.ts';

/** Of one life of a sender, the newest and how many before it. */
const knownMax = 4096;
const livesKept = 2;
/** So many of the lives before those are known by their number only, for each sender. */
const endedMax = 1024;

/** Numbers of one life: the newest, and which of it and those before have come. */
interface Life {
  newest: number;
  /**
   * The number that has come last of those with the same rest modulo `knownMax`, plus one; 0 where
   * none has come. Numbers in reach of the newest one have different rests.
   */
  readonly known: Uint32Array;
}

interface Sender {
  readonly lives: Map<number, Life>;
  /**
   * The proposals of these lives count as repeated. A copy of one would otherwise be taken for the
   * first proposal of a new life, and would push a life out whose proposals are known.
   */
  readonly ended: Set<number>;
}

export class ForwardedRequests {
  readonly #senders = new Map<bigint, Sender>();

  /** Whether all of a message of proposals may be appended. It is known from then on. */
  take({ entries }: Message): boolean {
    // Without any, the core would stop.
    return entries.length > 0 && entries.every((entry) => this.#takeEntry(entry));
  }

  #takeEntry({ type, index, data }: Entry): boolean {
    // Nobody hands on a change of the membership; one that cannot be read would stop every replica,
    // at each start again.
    if (type !== EntryType.Normal) return false;
    // Entries without effect may come twice.
    if (data === undefined || data.length === 0) return true;
    let request: RequestId | undefined;
    try {
      ({ request } = decodeEnvelope(data, index));
    } catch {
      // Without a number it is not taken. Appended, it would stop every replica.
    }
    return request !== undefined && this.#takeRequest(request);
  }

  #takeRequest({ nodeId, number }: RequestId): boolean {
    const request = number % requestsPerLife;
    const life = this.#lifeOf(nodeId, Math.floor(number / requestsPerLife), request);
    if (life === undefined) return false;
    const rest = request % knownMax;
    const isOld = request <= life.newest - knownMax;
    if (isOld || life.known[rest] === request + 1) return false;
    life.newest = Math.max(life.newest, request);
    life.known[rest] = request + 1;
    return true;
  }

  /** `undefined` for one that has ended. */
  #lifeOf(nodeId: bigint, number: number, newest: number): Life | undefined {
    const sender: Sender = this.#senders.get(nodeId) ?? { lives: new Map(), ended: new Set() };
    this.#senders.set(nodeId, sender);
    const { lives, ended } = sender;
    const known = lives.get(number);
    if (known !== undefined) return known;
    if (ended.has(number)) return undefined;
    const life = { newest, known: new Uint32Array(knownMax) };
    lives.set(number, life);
    for (const old of lives.keys()) {
      if (lives.size <= livesKept) break;
      lives.delete(old);
      ended.add(old);
    }
    for (const old of ended) if (ended.size > endedMax) ended.delete(old);
    return life;
  }
}
