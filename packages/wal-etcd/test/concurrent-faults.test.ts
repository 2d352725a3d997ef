import { testConcurrentFaults } from '../../testkit/test/ladders/concurrent-faults.ts';
import { backEnd } from './support/back-end.ts';

testConcurrentFaults(backEnd);
