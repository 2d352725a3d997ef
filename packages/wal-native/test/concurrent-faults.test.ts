import { testConcurrentFaults } from '../../testkit/test/ladders/concurrent-faults.ts';
import { backEnd } from './support/workload.ts';

testConcurrentFaults(backEnd);
