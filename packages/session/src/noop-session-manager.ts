/**
 * No sessions: every proposal applies, even one that was sent again. For state machines that may
 * apply a proposal twice or recognise a repetition themselves.
 */
import type { SessionManager, SessionVerdict } from '@babuza/raft/ports';
import { decodeNothing, encodeNothing } from './session-bytes.ts';

const newVerdict: SessionVerdict = Object.freeze({ kind: 'apply' });

export class NoopSessionManager implements SessionManager {
  readonly count = 0;

  /** Succeeds, so that clients need not know the kind of manager. */
  register(): void {}

  /** Succeeds as if there had been a session. */
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
