import type { Mutant } from '../mutant.ts';

export const walLevel: readonly Mutant[] = [];
