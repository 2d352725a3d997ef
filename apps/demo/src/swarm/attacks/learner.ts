/** Helpers for the attacks of the hostile learner, which is a member with a valid certificate. */
import {
  encodeRawIntroduction,
  rawHead,
  rawProtocol,
  type RawHandshake,
} from '@babuza/transport-http/testing';
import { newLogId, type Striker } from '../attack.ts';
import type { Line } from '../line.ts';

export const learnerId = 4n;

/** The introduction stays the same for the whole run, because members bind the id to one log. */
const introduction = encodeRawIntroduction({
  logId: newLogId(),
  startCount: 1,
  run: 1,
  lastIndex: 0,
  commitIndex: 0,
});

export function learnerHandshake(
  striker: Striker,
  fields: Partial<RawHandshake> = {},
): RawHandshake {
  const { learner: address } = striker.settings.addresses;
  return striker.handshake({ from: learnerId, address, introduction, ...fields });
}

/** Opens a request whose chunked body the caller sends. */
export function learnerRequest(
  striker: Striker,
  fields: Partial<RawHandshake> = {},
  path: string = rawProtocol.paths.messages,
  headers: Readonly<Record<string, string>> = {},
): Line {
  const line = striker.encrypted(striker.settings.loot.learner);
  const chunked = { ...headers, 'Transfer-Encoding': 'chunked' };
  line.write(rawHead('POST', path, learnerHandshake(striker, fields), chunked));
  return line;
}
