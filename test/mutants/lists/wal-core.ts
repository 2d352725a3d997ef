import type { Mutant } from '../mutant.ts';

export const walCore: readonly Mutant[] = [];
