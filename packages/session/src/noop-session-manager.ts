/**
 * No sessions: every proposal applies, also one that was sent again. For state machines that may
 * apply a proposal twice, or tell a repetition by themselves.
 */
import type { SessionManager, SessionVerdict } from '@babuza/raft';
import { decodeNothing, encodeNothing } from './session-bytes.ts';

const newVerdict: SessionVerdict = Object.freeze({ kind: 'apply' });

export class NoopSessionManager implements SessionManager {
  readonly count = 0;

  /** Succeeds, so that clients need not know which manager there is. */
  register(): void {}

  /** As if there had been one. */
  unregister(): boolean {
    return true;
  }

  judge(): SessionVerdict {
    return newVerdict;
  }

  record(): void {}

  encode(): Uint8Array {
    return encodeNothing();
  }

  restore(bytes?: Uint8Array): void {
    if (bytes !== undefined) decodeNothing(bytes);
  }
}
