import type { Mutant } from '../mutant.ts';

export const raft: readonly Mutant[] = [];
