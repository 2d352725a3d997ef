import type { Mutant } from '../mutant.ts';

export const session: readonly Mutant[] = [];
