/**
 * Groups of nodes that do what one Ready asks for before they take the next, under simulated
 * misfortune: see `simulation/simulation.ts`.
 */

import { sweep } from './simulation/sweep.ts';

sweep('readyLoop');
