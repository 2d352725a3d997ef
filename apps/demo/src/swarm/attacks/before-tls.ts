/** Attacks with connections that never complete a TLS handshake. */
import { randomBytes } from 'node:crypto';
import { rawHead, rawProtocol } from '@babuza/transport-http/testing';
import type { Attack } from '../attack.ts';

const forEverMs = 3_600_000;

/** Opens connections and sends nothing. */
export const silence: Attack = {
  name: 'silent connections',
  connections: 256,
  pauseMs: 500,
  strike: async (striker) => {
    const line = striker.plain();
    await line.hold(forEverMs);
    return line.outcome(0);
  },
};

/** The start of a client hello. The attack sends the rest at one byte per second. */
const helloStart = Buffer.from('160301020001000000fc0303', 'hex');

export const slowHello: Attack = {
  name: 'TLS hello, a byte a second',
  connections: 64,
  pauseMs: 500,
  strike: async (striker) => {
    const line = striker.plain();
    line.write(helloStart);
    while (await line.hold(1000)) line.write(randomBytes(1));
    return line.outcome(0);
  },
};

export const plainHttp: Attack = {
  name: 'plain HTTP to TLS',
  connections: 8,
  pauseMs: 200,
  strike: (striker) => {
    const line = striker.plain();
    const { learner: address } = striker.settings.addresses;
    line.write(
      rawHead('POST', rawProtocol.paths.messages, striker.handshake({ from: 3n, address })),
    );
    return line.outcome(3000);
  },
};

export const garbage: Attack = {
  name: 'garbage',
  connections: 8,
  pauseMs: 200,
  strike: (striker) => {
    const line = striker.plain();
    line.write(randomBytes(1 + striker.below(16_384)));
    return line.outcome(3000);
  },
};
