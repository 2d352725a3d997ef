import type { Mutant } from '../mutant.ts';

export const transportHttp: readonly Mutant[] = [];
