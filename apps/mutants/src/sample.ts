/** A sample that is the same for the same seed, also when lines of the sources have moved. */
import { hash } from './files.ts';
import { textKey, type Mutant } from './mutant.ts';

/** The mutants in the order of their places. All of them where there are no more than `count`. */
export function sample(mutants: readonly Mutant[], count: number, seed: number): readonly Mutant[] {
  const seen = new Map<string, number>();
  const ranked = mutants.map((mutant, place) => {
    const key = textKey(mutant);
    // Equal changes of one function are told apart by their order.
    const repetition = seen.get(key) ?? 0;
    seen.set(key, repetition + 1);
    return { mutant, place, rank: hash(String(seed), mutant.operator, key, String(repetition)) };
  });
  return ranked
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
    .sort((a, b) => a.place - b.place)
    .map(({ mutant }) => mutant);
}
