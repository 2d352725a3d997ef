/** The test files that `pnpm test` leaves out, as `vitest.ladders.ts` names them. */
import { createVitest } from 'vitest/node';
import { root } from './files.ts';

export async function longLadders(): Promise<ReadonlySet<string>> {
  // The file is TypeScript, which not every Node.js here runs; vitest loads it.
  const vitest = await createVitest('test', { root, config: false, watch: false, reporters: [] });
  try {
    const ladders = await vitest.import<{ longLadders: string[] }>(`${root}/vitest.ladders.ts`);
    return new Set(ladders.longLadders);
  } finally {
    await vitest.close();
  }
}
