import { testConcurrentPageCache } from '../../testkit/test/ladders/concurrent-page-cache.ts';
import { backEnd } from './support/workload.ts';

testConcurrentPageCache(backEnd);
