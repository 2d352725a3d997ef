import { testTransientFaults } from '../../testkit/test/ladders/transient-faults.ts';
import { backEnd } from './support/back-end.ts';

testTransientFaults(backEnd);
