import { testTransientFaults } from '../../testkit/test/ladders/transient-faults.ts';
import { backEnd } from './support/workload.ts';

testTransientFaults(backEnd);
