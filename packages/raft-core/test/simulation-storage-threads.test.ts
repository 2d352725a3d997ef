/**
 * Groups of nodes with asynchronous storage writes, under simulated misfortune: see
 * `simulation/simulation.ts`.
 */

import { sweep } from './simulation/sweep.ts';

sweep('storageThreads');
