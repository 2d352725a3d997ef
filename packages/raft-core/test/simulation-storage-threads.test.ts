/** Simulated groups of nodes with asynchronous storage writes: see `simulation/simulation.ts`. */

import { sweep } from './simulation/sweep.ts';

sweep('storageThreads');
