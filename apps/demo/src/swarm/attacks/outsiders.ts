/** Attacks with a valid certificate of a client that is not a member. */
import { MessageType, newMessage } from '@babuza/raftpb';
import {
  encodeRawIntroduction,
  rawHead,
  rawMessages,
  rawProtocol,
  rawStreamHead,
  type RawHandshake,
} from '@babuza/transport-http/testing';
import { newLogId, type Attack, type Striker } from '../attack.ts';

const patienceMs = 5000;

function introduction(striker: Striker): string {
  const run = striker.below(2 ** 50);
  const logId = newLogId();
  return encodeRawIntroduction({ logId, startCount: 1, run, lastIndex: 0, commitIndex: 0 });
}

/** A client, such as a laptop, that claims to be member 3. */
export const impostor: Attack = {
  name: 'passes for a member',
  connections: 8,
  pauseMs: 500,
  strike: (striker) => {
    const line = striker.encrypted(striker.settings.loot.client);
    const { impersonated: address } = striker.settings.addresses;
    const said = introduction(striker);
    line.write(rawStreamHead(striker.handshake({ from: 3n, address, introduction: said })));
    const to = striker.targetId;
    const { term } = striker;
    line.write(rawMessages([newMessage({ type: MessageType.Heartbeat, from: 3n, to, term })]));
    return line.outcome(patienceMs);
  },
};

/** Sends proposals from 64 ids that do not exist. */
export const madeUpIds: Attack = {
  name: 'made-up ids',
  connections: 16,
  pauseMs: 300,
  strike: (striker) => {
    const from = BigInt(1000 + striker.below(64));
    const line = striker.encrypted(striker.settings.loot.client);
    const address = `127.0.0.1:${1024 + Number(from)}`;
    const handshake = striker.handshake({ from, address, introduction: introduction(striker) });
    const body = rawMessages([newMessage({ type: MessageType.Prop, from, to: striker.targetId })]);
    const length = { 'Content-Length': String(body.length) };
    line.write(rawHead('POST', rawProtocol.paths.messages, handshake, length));
    line.write(body);
    return line.outcome(patienceMs);
  },
};

/** Sends handshakes with another cluster, group, target, protocol version or entry size. */
export const strangeHandshakes: Attack = {
  name: 'other cluster, group, id',
  connections: 8,
  pauseMs: 300,
  strike: (striker) => {
    const line = striker.encrypted(striker.settings.loot.client);
    const { impersonated: address } = striker.settings.addresses;
    const odd = striker.oneOf<Partial<RawHandshake>>([
      { clusterId: 0xbadn },
      { groupId: 7n },
      { to: 77n },
      { protocol: { min: 900, max: 901 } },
      { entryBytesMax: 1 },
    ]);
    line.write(rawStreamHead(striker.handshake({ from: 3n, address, ...odd })));
    return line.outcome(patienceMs);
  },
};

/** Connects as a removed member, with its old certificate. */
export const removedMember: Attack = {
  name: 'removed member',
  connections: 4,
  pauseMs: 500,
  strike: (striker) => {
    const line = striker.encrypted(striker.settings.loot.removed);
    const { removed: address } = striker.settings.addresses;
    const said = introduction(striker);
    line.write(rawStreamHead(striker.handshake({ from: 5n, address, introduction: said })));
    return line.outcome(patienceMs);
  },
};
