import type { Mutant } from '../mutant.ts';

export const walFiles: readonly Mutant[] = [];
