import type { Mutant } from '../mutant.ts';

export const walEtcd: readonly Mutant[] = [];
