/** Opens connections to other members, encrypted and challenged as the options demand. */
import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { connect as connectPlain, isIP, type TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { HttpTransportTls } from '../options.ts';
import { startStallWatch } from '../stall-watch.ts';
import type { Wire } from '../wire.ts';
import { challenge } from './challenge.ts';
import { pem } from './pem.ts';

type OnConnection = (error: Error | null, connection: Duplex) => void;

/** The agent of HTTP whose connections have shown each other what both sides demand. */
export class MemberAgent extends Agent {
  readonly #wire: Wire;

  constructor(wire: Wire, options: AgentOptions = {}) {
    super(options);
    this.#wire = wire;
  }

  override createConnection(
    options: ClientRequestArgs,
    onConnection?: OnConnection,
  ): Duplex | undefined {
    const connection = this.#encrypted(options);
    const secret = outgoingSecret(this.#wire);
    if (secret === undefined) return connection;
    this.#challenge(connection, secret, options.signal).then(
      () => onConnection?.(null, connection),
      (error: unknown) => {
        connection.destroy();
        onConnection?.(error instanceof Error ? error : new Error(String(error)), connection);
      },
    );
    return undefined;
  }

  #encrypted({ host, port, lookup }: ClientRequestArgs): Duplex {
    const place: TcpNetConnectOpts = { port: Number(port), noDelay: true };
    if (typeof host === 'string') place.host = host;
    if (lookup !== undefined) place.lookup = lookup;
    const tls = outgoingTls(this.#wire);
    if (tls === undefined) return connectPlain(place);
    return connectTls({
      ...place,
      // No name is asked for where the host is an IP address.
      servername: isIP(host ?? '') === 0 ? (host ?? '') : '',
      ...(tls.mutual === false ? {} : { cert: pem(tls.cert), key: pem(tls.key) }),
      ...(tls.ca === undefined ? {} : { ca: pem(tls.ca) }),
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
    });
  }

  /** Until it is over, nobody but this looks after the connection. */
  async #challenge(
    connection: Duplex,
    secret: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, settings, random } = this.#wire;
    const end = (error?: Error): void => void connection.destroy(error);
    const onAbort = (): void => end(new Error('the attempt was given up'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const watch = startStallWatch(clock, settings.stallTimeoutMs, () => {
      end(new Error(`no answer to the challenge within ${settings.stallTimeoutMs} ms`));
    });
    try {
      if (await challenge(connection, secret, random)) return;
      throw new Error('the member there does not know the secret of this one');
    } finally {
      watch.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

/** What connections that go out are encrypted with. */
export function outgoingTls({ settings }: Wire): HttpTransportTls | undefined {
  return settings.transition.tls === 'accept' ? undefined : settings.tls;
}

/** What connections that go out are challenged with. */
export function outgoingSecret({ settings }: Wire): Buffer | undefined {
  return settings.transition.secret === 'accept' ? undefined : settings.secrets[0];
}
