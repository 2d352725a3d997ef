/**
 * Sessions by id, and in the order of their last use. A list beside the map, as the order of a map
 * alone gets slow: it walks over everything that was taken away at its beginning before it finds
 * the first that is left.
 */
import type { Session } from './session.ts';

interface Place {
  readonly session: Session;
  older: Place | undefined;
  newer: Place | undefined;
}

export class SessionsInOrder {
  readonly #places = new Map<number, Place>();
  #oldest: Place | undefined;
  #newest: Place | undefined;

  get size(): number {
    return this.#places.size;
  }

  /** The least recently used one. */
  get oldest(): Session | undefined {
    return this.#oldest?.session;
  }

  has(id: number): boolean {
    return this.#places.has(id);
  }

  get(id: number): Session | undefined {
    return this.#places.get(id)?.session;
  }

  /** As the most recently used one; there must be none of its id. */
  add(session: Session): void {
    const place = { session, older: undefined, newer: undefined };
    this.#places.set(session.id, place);
    this.#append(place);
  }

  /** Makes a session the most recently used one. */
  use(session: Session): void {
    const place = this.#places.get(session.id);
    if (place === undefined || place === this.#newest) return;
    this.#takeOut(place);
    this.#append(place);
  }

  /** Returns the session that was removed; `undefined` where there is none of this id. */
  delete(id: number): Session | undefined {
    const place = this.#places.get(id);
    if (place === undefined) return undefined;
    this.#places.delete(id);
    this.#takeOut(place);
    return place.session;
  }

  /** The least recently used one first. */
  *[Symbol.iterator](): Generator<Session, void, void> {
    for (let place = this.#oldest; place !== undefined; place = place.newer) yield place.session;
  }

  #append(place: Place): void {
    place.older = this.#newest;
    place.newer = undefined;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
  }

  #takeOut({ older, newer }: Place): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
