/**
 * The certificate, key, authorities and revocation lists of a member, as they were loaded last, and
 * the connections that were made with them.
 */
import type { Duplex } from 'node:stream';
import { TransportError } from '../../errors.ts';
import type { HttpTransportTls, HttpTransportTlsFiles } from './options.ts';
import { loadTls, type LoadedTls } from './context.ts';

export class Credentials {
  #tls: HttpTransportTls;
  #loaded: LoadedTls;
  readonly #connections = new Set<Duplex>();
  readonly #listeners = new Set<(loaded: LoadedTls) => void>();

  /** @throws TransportError (`TRANSPORT_INVALID`) for what cannot be used. */
  constructor(tls: HttpTransportTls) {
    this.#tls = tls;
    this.#loaded = loadTls(tls);
  }

  get tls(): HttpTransportTls {
    return this.#tls;
  }

  get loaded(): LoadedTls {
    return this.#loaded;
  }

  /** The connection ends when a later reload no longer vouches for what it was made with. */
  track(connection: Duplex): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
  }

  onReload(listener: (loaded: LoadedTls) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * New connections use what is given from now on; what is left out stays as it is. Where an
   * authority is gone or the revocation lists are others, all connections end: they are made again
   * at once, and only those of good certificates can be.
   *
   * @throws TransportError (`TRANSPORT_INVALID`); then nothing has changed.
   */
  reload(files: HttpTransportTlsFiles): void {
    const tls = { ...this.#tls, ...files };
    const before = this.#loaded;
    const loaded = loadTls(tls);
    for (const listener of this.#listeners) listener(loaded);
    this.#tls = tls;
    this.#loaded = loaded;
    if (!isNarrower(loaded, before)) return;
    for (const connection of this.#connections) connection.destroy();
  }
}

function isNarrower(after: LoadedTls, before: LoadedTls): boolean {
  // Without authorities of its own it had those of Node.js.
  const isOtherKind = (after.authorities.size === 0) !== (before.authorities.size === 0);
  const isAuthorityGone = [...before.authorities].some((each) => !after.authorities.has(each));
  const isSame = after.revocations.join() === before.revocations.join();
  return isOtherKind || isAuthorityGone || !isSame;
}

/** What can be loaded again without a restart. */
export function reloadable(tls: Credentials | undefined): Credentials {
  if (tls !== undefined) return tls;
  const problem = 'this transport was started without the option tls: there is nothing to reload';
  throw new TransportError('TRANSPORT_INVALID', problem);
}
