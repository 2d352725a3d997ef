/** The sessions in a snapshot. */
import type { Target } from '../decoder.ts';
import { sessionBytes } from '../internals.ts';
import { ExpireSessionManager, LruSessionManager } from '@babuza/session';
import { roundTrip } from '../round-trip.ts';
import { bytesOf } from './samples.ts';

const documented = ['SESSION_CORRUPT', 'SESSION_VERSION', 'SESSION_MISMATCH'];
const lruOptions = { sessionsMax: 5, resultsPerSessionMax: 4, resultsMax: 16, resultBytesMax: 16 };
const expireOptions = { ...lruOptions, expireMs: 60_000 };
const lruLimits = { ...lruOptions, expireMs: 0 };

/** Sessions with results of each kind. */
function filled(manager: LruSessionManager | ExpireSessionManager): Uint8Array {
  for (const sessionId of [3, 1, 2 ** 40]) {
    manager.register(sessionId, 1000 + sessionId);
    for (const sequence of [1, 2, 3]) {
      const call = { sessionId, sequence, lowestUnanswered: 1 };
      manager.judge(call, 2000 + 2 ** 40);
      const result = sequence === 1 ? undefined : bytesOf('result'.repeat(sequence - 1));
      manager.record(call, result, sequence === 3);
    }
  }
  return manager.encode();
}

export const sessions: Target = {
  name: 'sessions',
  description: 'the sessions in a snapshot',
  decoders: [
    {
      name: 'session/decodeSessions',
      form: 'bytes',
      samples: [
        filled(new LruSessionManager(lruOptions)),
        new LruSessionManager(lruOptions).encode(),
      ],
      run: roundTrip({
        decode: (bytes) => sessionBytes.decodeSessions(bytes, 'lru', lruLimits),
        encode: (state) => sessionBytes.encodeSessions('lru', lruLimits, state),
        documented,
        isCanonical: true,
      }),
      weight: 2,
    },
    {
      name: 'session/restore of sessions that expire',
      form: 'bytes',
      samples: [filled(new ExpireSessionManager(expireOptions))],
      run: roundTrip({
        decode: (bytes) => {
          const manager = new ExpireSessionManager(expireOptions);
          manager.restore(bytes);
          return manager;
        },
        encode: (manager) => manager.encode(),
        documented,
        check: (manager) => {
          // A restored manager goes on: none of these may throw.
          manager.register(2 ** 50, 2 ** 52);
          manager.judge({ sessionId: 1, sequence: 2, lowestUnanswered: 2 }, 2 ** 52);
          manager.unregister(3, 2 ** 52);
        },
      }),
    },
    {
      name: 'session/decodeNothing',
      form: 'bytes',
      samples: [sessionBytes.encodeNothing()],
      run: roundTrip({
        decode: (bytes) => {
          sessionBytes.decodeNothing(bytes);
          return null;
        },
        encode: sessionBytes.encodeNothing,
        documented,
        isCanonical: true,
      }),
    },
  ],
};
