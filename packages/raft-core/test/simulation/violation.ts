/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: string;

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`);
    this.invariant = invariant;
  }
}

/** @throws Violation of `invariant`, unless the condition holds. */
export function demand(condition: boolean, invariant: string, text: () => string): void {
  if (!condition) throw new Violation(invariant, text());
}
