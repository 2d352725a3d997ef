/**
 * Handshakes of the hostile learner with false addresses, or with terminal escape codes in their
 * fields.
 */
import { rawHead, rawLastChunk, rawProtocol } from '@babuza/transport-http/testing';
import type { Attack } from '../attack.ts';
import { learnerHandshake, learnerRequest } from './learner.ts';

const patienceMs = 5000;

export const madeUpAddresses: Attack = {
  name: 'made-up addresses',
  connections: 4,
  pauseMs: 300,
  strike: (striker) => {
    const address = striker.oneOf(['127.0.0.1:9', '169.254.169.254:80', 'internal.example:22']);
    const line = learnerRequest(striker, { address });
    line.write(rawLastChunk);
    return line.outcome(patienceMs);
  },
};

const escapes = '\n{"level":"error","message":"forged"}\r\n\u001b[2J\u001b]0;owned\u0007\u202e';

export const oddTexts: Attack = {
  name: 'escape codes in texts',
  connections: 4,
  pauseMs: 300,
  strike: (striker) => {
    const { learner } = striker.settings.loot;
    const line = striker.encrypted(learner);
    const many = `${escapes}${striker.below(1_000_000)}`;
    const said = striker.oneOf([
      learnerHandshake(striker, { address: many }),
      learnerHandshake(striker, { introduction: many }),
      `{"protocol":${JSON.stringify(many)}}`.replaceAll(/[^ -~]/g, '?'),
    ]);
    line.write(rawHead('GET', rawProtocol.paths.messages, said));
    return line.outcome(patienceMs);
  },
};
