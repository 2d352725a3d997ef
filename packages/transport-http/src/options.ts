/** What the transport can be told, checked at the door. */
import type { HttpTransportTls } from './access/certificate/options.ts';
import { checkTls } from './access/certificate/check-options.ts';
import { checkSecrets } from './access/check-secrets.ts';
import { objectOf, refuse } from './access/option-checks.ts';
import { isProtected } from './access/protection.ts';
import { placeOf, type Place } from './address.ts';

export type HttpTransportSecret = string | Uint8Array;

/**
 * What lets a running cluster move from unprotected connections to protected ones, one member after
 * the other: first every member accepts both and connects without (`'accept'`), then every member
 * accepts both and connects with it (`'connect'`), then the option is left out, and both must have
 * it. Until then connections count as unprotected.
 */
export type HttpTransportTransition = 'accept' | 'connect';

export interface HttpTransportOptions {
  /**
   * Where the other members reach this one: `host:port`. What the membership says of it must be the
   * same.
   */
  readonly address: string;
  /** Where to listen; by default the port of the address, on its host. Port 0: any that is free. */
  readonly listen?: { readonly host?: string | undefined; readonly port?: number | undefined };
  /** Absent: connections are not encrypted. */
  readonly tls?: HttpTransportTls | undefined;
  /**
   * What all members know and nobody else does: random bytes or a random text, at least 32 bytes
   * long. Line breaks at the end of a text do not count; other white space at its ends is refused.
   * Both sides of a connection prove that they know it before anything else is read. While it is
   * changed there are two different ones: the first is shown to others, both are accepted. It does
   * not encrypt: whoever can change what travels between two members can still take over a
   * connection.
   */
  readonly secret?: HttpTransportSecret | readonly HttpTransportSecret[] | undefined;
  /**
   * True: the member starts although others on the network could speak as a member, because there
   * is neither mutual TLS nor a secret, and connects to others without protection. By default
   * false: without protection it listens on the loopback and connects to it only. It is refused
   * (`TRANSPORT_INVALID`) where mutual TLS or a secret protects all connections.
   */
  readonly insecure?: boolean | undefined;
  /** How far a running cluster has come on the way to TLS, or to a secret. */
  readonly transition?:
    | {
        readonly tls?: HttpTransportTransition | undefined;
        readonly secret?: HttpTransportTransition | undefined;
      }
    | undefined;
  /**
   * Messages go over a stream where the way allows it; false: each batch is a request of its own.
   */
  readonly streams?: boolean | undefined;
  /**
   * Snapshots that are sent take so much of the network at most, together, in bytes a second; no
   * limit by default.
   */
  readonly snapshotBytesPerSecond?: number | undefined;
  /**
   * A connection on which nothing moves for so long, in ms, is given up: 100 to 600,000; 5000 by
   * default.
   */
  readonly stallTimeoutMs?: number | undefined;
  /**
   * What all frames that arrive may take of the memory together, in bytes: 1 MiB to 1 TiB; 128 MiB
   * by default. The largest frame must have a place in it: entries of `entryBytesMax`, or messages
   * of `messageBytesMax`, and 2 MiB; 3 MiB at least.
   */
  readonly incomingBytesMax?: number | undefined;
}

export interface HttpSettings {
  readonly address: string;
  readonly listen: Place;
  readonly tls: HttpTransportTls | undefined;
  readonly secrets: readonly Buffer[];
  readonly insecure: boolean;
  readonly transition: {
    readonly tls: HttpTransportTransition | undefined;
    readonly secret: HttpTransportTransition | undefined;
  };
  readonly streams: boolean;
  readonly snapshotBytesPerSecond: number;
  readonly stallTimeoutMs: number;
  readonly incomingBytesMax: number;
}

const mebibyte = 1024 * 1024;

const notInsecure =
  'left out where mutual TLS or a secret protects all connections, which is so without the option transition: a later start that lacks tls or secret by mistake would run without protection';

const known = [
  'address',
  'listen',
  'tls',
  'secret',
  'insecure',
  'transition',
  'streams',
  'snapshotBytesPerSecond',
  'stallTimeoutMs',
  'incomingBytesMax',
];

/**
 * @throws TransportError (`TRANSPORT_INVALID`) naming the option, what was given and what is
 * allowed.
 */
export function checkOptions(given: HttpTransportOptions | undefined): HttpSettings {
  const options = objectOf('transportOptions', given, known);
  const { address, streams = true, insecure = false } = options;
  if (typeof address !== 'string' || address.length > 1024) {
    refuse('address', address, 'where the other members reach this one, as host:port');
  }
  if (typeof streams !== 'boolean') refuse('streams', streams, 'true or false');
  if (typeof insecure !== 'boolean') refuse('insecure', insecure, 'true or false');
  const secrets = options['secret'] === undefined ? [] : checkSecrets(options['secret']);
  const tls = options['tls'] === undefined ? undefined : checkTls(options['tls']);
  const transition = checkTransition(
    options['transition'] ?? {},
    tls !== undefined,
    secrets.length > 0,
  );
  if (insecure && isProtected({ tls, secrets, transition })) refuse('insecure', true, notInsecure);
  return {
    address,
    listen: checkListen(options['listen'] ?? {}, placeOf(address, tls !== undefined)),
    tls,
    secrets,
    insecure,
    transition,
    streams,
    snapshotBytesPerSecond: checkRate(options['snapshotBytesPerSecond'] ?? Infinity),
    stallTimeoutMs: checkStall(options['stallTimeoutMs'] ?? 5000),
    incomingBytesMax: checkIncoming(options['incomingBytesMax'] ?? 128 * mebibyte),
  };
}

function checkListen(given: unknown, advertised: Place): Place {
  const { host = advertised.host, port = advertised.port } = objectOf('listen', given, [
    'host',
    'port',
  ]);
  if (typeof host !== 'string' || host === '') {
    refuse('listen.host', host, 'a name or an IP address of this machine');
  }
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535;
  if (!isPort) refuse('listen.port', port, 'an integer from 0 to 65535');
  return { host, port };
}

function checkTransition(
  given: unknown,
  hasTls: boolean,
  hasSecret: boolean,
): HttpSettings['transition'] {
  const { tls, secret } = objectOf('transition', given, ['tls', 'secret']);
  return {
    tls: checkStep('tls', tls, hasTls),
    secret: checkStep('secret', secret, hasSecret),
  };
}

function checkStep(
  of: 'tls' | 'secret',
  given: unknown,
  isThere: boolean,
): HttpTransportTransition | undefined {
  if (given === undefined) return undefined;
  const isStep = given === 'accept' || given === 'connect';
  if (isStep && isThere) return given;
  return refuse(`transition.${of}`, given, `'accept' or 'connect', beside the option ${of}`);
}

function checkRate(value: unknown): number {
  if (value === Infinity) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1024) return value;
  return refuse('snapshotBytesPerSecond', value, 'an integer from 1024, or Infinity');
}

function checkStall(value: unknown): number {
  if (typeof value === 'number' && value >= 100 && value <= 600_000) return value;
  return refuse('stallTimeoutMs', value, 'from 100 to 600000');
}

function checkIncoming(value: unknown): number {
  const isFine =
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= mebibyte &&
    value <= mebibyte * mebibyte;
  if (isFine) return value;
  return refuse('incomingBytesMax', value, `an integer from ${mebibyte} to ${mebibyte * mebibyte}`);
}
