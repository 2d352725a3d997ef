/** Opens connections to other members, encrypted and challenged as the options demand. */
import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { connect as connectPlain, isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { TransportError } from '../errors.ts';
import type { HttpTransportTls } from './certificate/options.ts';
import { startStallWatch } from '../connections/stall-watch.ts';
import type { Wire } from '../wire.ts';
import type { Credentials } from './certificate/credentials.ts';
import { challenge, type ChallengeProblem } from './challenge.ts';
import { printable } from './printable.ts';
import { endedEarly } from './read-exactly.ts';
import type { ChallengedMember } from './secret.ts';

type OnConnection = (error: Error | null, connection: Duplex) => void;

/**
 * The HTTP agent for connections to one member. HTTP gets a connection only after both sides have
 * authenticated as the options demand, so nothing is sent to anyone else.
 */
export class MemberAgent extends Agent {
  readonly #wire: Wire;
  readonly #id: bigint;

  constructor(wire: Wire, id: bigint, options: AgentOptions = {}) {
    super(options);
    this.#wire = wire;
    this.#id = id;
  }

  override createConnection(
    options: ClientRequestArgs,
    onConnection?: OnConnection,
  ): Duplex | undefined {
    const connection = this.#opened(options);
    const secret = outgoingSecret(this.#wire);
    if (secret === undefined && !(connection instanceof TLSSocket)) return connection;
    this.#prepare(connection, secret, options).then(
      () => onConnection?.(null, connection),
      (error: unknown) => {
        connection.destroy();
        onConnection?.(error instanceof Error ? error : new Error(String(error)), connection);
      },
    );
    return undefined;
  }

  #opened({ host, port, lookup }: ClientRequestArgs): Socket {
    const endpoint: TcpNetConnectOpts = { port: Number(port), noDelay: true };
    if (typeof host === 'string') endpoint.host = host;
    if (lookup !== undefined) endpoint.lookup = lookup;
    const credentials = outgoingCredentials(this.#wire);
    if (credentials === undefined) return connectPlain(endpoint);
    const connection = connectTls({
      ...endpoint,
      // An IP address is not a valid server name.
      servername: isIP(host ?? '') === 0 ? (host ?? '') : '',
      secureContext: credentials.loaded.context,
      ALPNProtocols: ['http/1.1'],
      // Set it explicitly, because an environment variable can turn the checks of Node.js off.
      rejectUnauthorized: true,
      // By default the certificate is checked against the member's id in `#verify`, not against the
      // address that was connected to.
      ...(credentials.tls.anyCertificateIsAnyMember === true
        ? {}
        : { checkServerIdentity: () => undefined }),
    });
    credentials.track(connection);
    return connection;
  }

  /** Authenticates the connection. Until then nothing else listens to its events. */
  async #prepare(
    connection: Socket,
    secret: Buffer | undefined,
    { host, signal }: ClientRequestArgs,
  ): Promise<void> {
    const { clock, settings, names, random, clusterId, groupId, nodeId, handler } = this.#wire;
    const meant = { clusterId, groupId, nodeId: this.#id };
    const end = (error: Error): void => void connection.destroy(error);
    const onAbort = (): void => end(new Error('the attempt was aborted'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const watch = startStallWatch(clock, settings.stallTimeoutMs, () => {
      end(new Error(`the other side did not authenticate within ${settings.stallTimeoutMs} ms`));
    });
    const stopHearing = names.onMoved(host ?? '', () => {
      if (connection.connecting) end(new Error('its host name resolves to another address now'));
    });
    // An error between two steps is found by the next step.
    connection.on('error', () => undefined);
    try {
      if (connection instanceof TLSSocket) await this.#verify(connection);
      if (secret === undefined) return;
      const found = await challenge(connection, secret, random, nodeId, meant);
      if (found === undefined) return;
      if (found.reason === 'other-cluster') handler.refusedBy(this.#id);
      throw refusal(found, meant);
    } finally {
      watch.cancel();
      stopHearing();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #verify(connection: TLSSocket): Promise<void> {
    await secured(connection);
    const problem = this.#wire.certificates.problemOf(connection, this.#id, 'server');
    if (problem === undefined) return;
    const text = `the server at the address of member ${this.#id} is not proven to be this member: ${printable(problem)}`;
    throw new TransportError('TRANSPORT_REFUSED', text, { reason: 'other-certificate' });
  }
}

function refusal({ reason, member }: ChallengeProblem, meant: ChallengedMember): Error {
  if (reason === 'other-secret') {
    return new Error('the member at this address does not know the secret of this member');
  }
  return new TransportError('TRANSPORT_REFUSED', differenceOf(reason, member, meant), { reason });
}

function differenceOf(
  reason: Exclude<ChallengeProblem['reason'], 'other-secret'>,
  { clusterId, groupId, nodeId }: ChallengedMember,
  meant: ChallengedMember,
): string {
  switch (reason) {
    case 'other-cluster':
      return `the address of member ${meant.nodeId} belongs to a member of cluster ${clusterId}; expected cluster ${meant.clusterId}`;
    case 'other-group':
      return `the address of member ${meant.nodeId} belongs to a member of group ${groupId}; expected group ${meant.groupId}`;
    default:
      return `the member at this address is member ${nodeId}; expected member ${meant.nodeId}`;
  }
}

/** Resolves when OpenSSL has verified the certificate of the other side. */
function secured(connection: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      connection.off('secureConnect', onSecure);
      connection.off('error', onError);
      connection.off('close', onClose);
    };
    const onSecure = (): void => {
      settle();
      resolve();
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onClose = (): void => onError(endedEarly());
    connection.once('secureConnect', onSecure);
    connection.once('error', onError);
    connection.once('close', onClose);
  });
}

function outgoingCredentials({ settings, credentials }: Wire): Credentials | undefined {
  return settings.transition.tls === 'accept' ? undefined : credentials;
}

/** The TLS options for outgoing connections, or `undefined` if they are not encrypted. */
export function outgoingTls({ settings }: Wire): HttpTransportTls | undefined {
  return settings.transition.tls === 'accept' ? undefined : settings.tls;
}

/** The secret for outgoing connections, or `undefined` if they do not use one. */
export function outgoingSecret({ settings }: Wire): Buffer | undefined {
  return settings.transition.secret === 'accept' ? undefined : settings.secrets[0];
}
