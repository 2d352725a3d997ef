export { FaultProxy } from './fault-proxy.ts';
export { ForgingMember, type ForgingMemberSettings } from './forging-member.ts';
export type { ProxyFaults } from './proxied-connection.ts';
export {
  encodeRawIntroduction,
  rawChunk,
  rawConnect,
  rawFrame,
  rawFrameHead,
  rawHandshake,
  rawHead,
  rawLastChunk,
  rawMessages,
  rawProtocol,
  rawStreamHead,
  type RawConnectOptions,
  type RawHandshake,
  type RawHandshakeFields,
  type RawIntroduction,
} from './raw-member.ts';
