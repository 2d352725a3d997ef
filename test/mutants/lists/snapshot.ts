import type { Mutant } from '../mutant.ts';

export const snapshot: readonly Mutant[] = [];
