/**
 * Simulated groups of nodes that do the work of one Ready before they take the next: see
 * `simulation/simulation.ts`.
 */

import { sweep } from './simulation/sweep.ts';

sweep('readyLoop');
