/**
 * Sessions by id and in the order of their last use. A linked list keeps the order, because the
 * order of a `Map` gets slow: it walks over all entries that were deleted at its start.
 */
import type { Session } from './session.ts';

interface Link {
  readonly session: Session;
  older: Link | undefined;
  newer: Link | undefined;
}

export class SessionsInOrder {
  readonly #links = new Map<number, Link>();
  #oldest: Link | undefined;
  #newest: Link | undefined;

  get size(): number {
    return this.#links.size;
  }

  /** The least recently used session. */
  get oldest(): Session | undefined {
    return this.#oldest?.session;
  }

  has(id: number): boolean {
    return this.#links.has(id);
  }

  get(id: number): Session | undefined {
    return this.#links.get(id)?.session;
  }

  /** Adds a session as the most recently used one. Its id must be new. */
  add(session: Session): void {
    const link = { session, older: undefined, newer: undefined };
    this.#links.set(session.id, link);
    this.#append(link);
  }

  /** Makes a session the most recently used one. */
  use(session: Session): void {
    const link = this.#links.get(session.id);
    if (link === undefined || link === this.#newest) return;
    this.#takeOut(link);
    this.#append(link);
  }

  /** Removes a session and returns it, or `undefined` if there is none with this id. */
  delete(id: number): Session | undefined {
    const link = this.#links.get(id);
    if (link === undefined) return undefined;
    this.#links.delete(id);
    this.#takeOut(link);
    return link.session;
  }

  /** The sessions, the least recently used one first. */
  *[Symbol.iterator](): Generator<Session, void, void> {
    for (let link = this.#oldest; link !== undefined; link = link.newer) yield link.session;
  }

  #append(link: Link): void {
    link.older = this.#newest;
    link.newer = undefined;
    if (this.#newest === undefined) this.#oldest = link;
    else this.#newest.newer = link;
    this.#newest = link;
  }

  #takeOut({ older, newer }: Link): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
