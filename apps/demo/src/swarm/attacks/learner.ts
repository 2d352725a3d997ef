/**
 * What the attacks of the hostile learner share: it is a member, and shows the right certificate.
 */
import {
  encodeRawIntroduction,
  rawHead,
  rawProtocol,
  type RawHandshake,
} from '@babuza/transport-http/testing';
import { newLogId, type Striker } from '../attack.ts';
import type { Line } from '../line.ts';

export const learnerId = 4n;

/** The same for the whole run: the members bind its id to its log. */
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

/** Opens a request whose body is still to come, in chunks. */
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
