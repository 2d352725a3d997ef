/** All mistakes that the simulation makes. */
import { exchange, putOldBack, wipe, type Mistake } from './mistakes-with-disks.ts';

export const mistakes: readonly Mistake[] = [wipe, wipe, putOldBack, putOldBack, exchange];
