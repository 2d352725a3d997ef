import type { Mutant } from '../mutant.ts';

export const vfs: readonly Mutant[] = [];
