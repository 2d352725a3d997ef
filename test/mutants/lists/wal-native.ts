import type { Mutant } from '../mutant.ts';

export const walNative: readonly Mutant[] = [];
