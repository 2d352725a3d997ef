/**
 * Cut directions between addresses. A cut holds for an address, whichever member listens there now
 * or later.
 */
export class Cuts {
  readonly #directions = new Set<string>();
  readonly #isolated = new Set<string>();
  #groups: readonly ReadonlySet<string>[] | undefined;

  cut(from: string, to: string): void {
    this.#directions.add(nameOf(from, to));
  }

  isolate(address: string): void {
    this.#isolated.add(address);
  }

  partition(groups: readonly (readonly string[])[]): void {
    this.#groups = groups.map((addresses) => new Set(addresses));
  }

  heal(): void {
    this.#directions.clear();
    this.#isolated.clear();
    this.#groups = undefined;
  }

  isCut(from: string, to: string): boolean {
    if (this.#directions.has(nameOf(from, to))) return true;
    if (from === to) return false;
    if (this.#isolated.has(from) || this.#isolated.has(to)) return true;
    return this.#groups?.every((group) => !group.has(from) || !group.has(to)) ?? false;
  }
}

const nameOf = (from: string, to: string): string => `${from.length} ${from} ${to}`;
