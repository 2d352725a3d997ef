/** The options of the transport and their checks. */
import type { HttpTransportTls } from './access/certificate/options.ts';
import { checkTls } from './access/certificate/check-options.ts';
import { checkSecrets } from './access/check-secrets.ts';
import { objectOf, refuse } from './access/option-checks.ts';
import { isProtected } from './access/protection.ts';
import { hostPortOf, type HostPort } from './address.ts';

export type HttpTransportSecret = string | Uint8Array;

/**
 * Moves a running cluster from unprotected connections to protected ones, one member after the
 * other. First every member gets `'accept'`: it accepts protected and unprotected connections and
 * opens unprotected ones. Then every member gets `'connect'`: it still accepts both and opens
 * protected ones. Finally the option is left out, and all connections must be protected. Until then
 * connections count as unprotected.
 */
export type HttpTransportTransition = 'accept' | 'connect';

export interface HttpTransportOptions {
  /**
   * The address at which the other members reach this one: `host:port`. It must equal the address
   * that the membership has for this member.
   */
  readonly address: string;
  /**
   * The host and port to listen on; by default those of `address`. With port 0 the system chooses a
   * free port.
   */
  readonly listen?: { readonly host?: string | undefined; readonly port?: number | undefined };
  /** Encrypts connections. By default they are not encrypted. */
  readonly tls?: HttpTransportTls | undefined;
  /**
   * A secret that all members share: random bytes or a random text, at least 32 bytes long. Line
   * breaks at the end of a text are ignored; other white space at either end is refused. Both sides
   * of a connection prove that they know the secret before anything else is read. To change it,
   * give two different secrets: this member uses the first for the connections that it opens and
   * accepts both. The secret does not encrypt: an attacker who can change the traffic between two
   * members can still take over a connection.
   */
  readonly secret?: HttpTransportSecret | readonly HttpTransportSecret[] | undefined;
  /**
   * Lets the member start and connect without protection although neither mutual TLS nor a secret
   * keeps others on the network from speaking as a member. Default false: an unprotected member
   * listens on the loopback interface only, and connects to it only. `true` is refused
   * (`TRANSPORT_INVALID`) if mutual TLS or a secret protects all connections.
   */
  readonly insecure?: boolean | undefined;
  /**
   * The step that this member has reached while a running cluster changes over to TLS or to a
   * secret.
   */
  readonly transition?:
    | {
        readonly tls?: HttpTransportTransition | undefined;
        readonly secret?: HttpTransportTransition | undefined;
      }
    | undefined;
  /**
   * Sends messages over one long-lived stream where the network path allows it. With `false` each
   * batch of messages is a request of its own. Default true.
   */
  readonly streams?: boolean | undefined;
  /**
   * The limit for all snapshots that are sent together, in bytes per second: an integer from 1,024.
   * Default: no limit.
   */
  readonly snapshotBytesPerSecond?: number | undefined;
  /**
   * A connection on which nothing moves for this long is closed, in ms. Default 5,000; 100 to
   * 600,000.
   */
  readonly stallTimeoutMs?: number | undefined;
  /**
   * The memory that all incoming frames may use together, in bytes. Default 128 MiB; 1 MiB to 1
   * TiB. It must hold the largest frame, which is 2 MiB more than `entryBytesMax` or
   * `messageBytesMax`, whichever is larger, and at least 3 MiB.
   */
  readonly incomingBytesMax?: number | undefined;
}

export interface HttpSettings {
  readonly address: string;
  readonly listen: HostPort;
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
  'left out if mutual TLS or a secret protects all connections, as they do without the option transition: a later start that lacks tls or secret by mistake would run without protection';

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
 * Checks the options and fills in the defaults.
 *
 * @throws TransportError (`TRANSPORT_INVALID`) that names the option, the value that was given and
 * the values that are allowed.
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
    listen: checkListen(options['listen'] ?? {}, hostPortOf(address, tls !== undefined)),
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

function checkListen(given: unknown, advertised: HostPort): HostPort {
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
  return refuse(`transition.${of}`, given, `'accept' or 'connect', together with the option ${of}`);
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
