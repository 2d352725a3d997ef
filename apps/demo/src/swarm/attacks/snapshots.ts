/** Snapshots of the hostile learner that no member requested. */
import { randomBytes } from 'node:crypto';
import { emptyConfState, encodeMessage, MessageType, newMessage } from '@babuza/raftpb';
import { rawChunk, rawFrame, rawProtocol } from '@babuza/transport-http/testing';
import type { Attack } from '../attack.ts';
import type { Line } from '../line.ts';
import { learnerId, learnerRequest } from './learner.ts';

const patienceMs = 5000;
/** The most chunks that are sent of a snapshot while the member accepts it. */
const chunks = 200;
const chunk = rawChunk(rawFrame(randomBytes(1024 * 1024)));

const isDecided = (line: Line): boolean =>
  line.isAnswered && (line.has('"taken"') || !line.isStillAnswered);

export const unwantedSnapshots: Attack = {
  name: 'unwanted snapshots',
  connections: 6,
  pauseMs: 1000,
  strike: async (striker) => {
    const { term, targetId: to } = striker;
    const index = 1_000_000_000;
    const metadata = {
      index,
      term: striker.oneOf([0, term]),
      confState: { ...emptyConfState, voters: [1n, 2n, 3n] },
    };
    const snapshot = { data: randomBytes(64), metadata };
    const message = newMessage({
      type: MessageType.Snap,
      from: learnerId,
      to,
      term: striker.oneOf([0, term]),
      snapshot,
    });
    const headers = { [rawProtocol.offsetHeader]: '0' };
    const line = learnerRequest(striker, {}, rawProtocol.paths.snapshot, headers);
    line.write(rawChunk(rawFrame(encodeMessage(message))));
    for (let sent = 0; sent < chunks && !isDecided(line); sent += 1) {
      if (!(await line.send(chunk))) break;
    }
    return line.outcome(patienceMs);
  },
};
