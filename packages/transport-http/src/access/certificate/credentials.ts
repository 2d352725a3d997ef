/**
 * The certificate, key, authorities and revocation lists of a member as last loaded, and the
 * connections that use them.
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

  /** @throws TransportError (`TRANSPORT_INVALID`) if the files cannot be used. */
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

  /**
   * Closes the connection when a later reload removes an authority or changes the revocation lists.
   */
  track(connection: Duplex): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
  }

  onReload(listener: (loaded: LoadedTls) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Loads the given files; the others stay the same. New connections use them. If an authority was
   * removed or the revocation lists changed, all connections are closed. They are opened again at
   * once, and only those with valid certificates succeed.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) if the files cannot be used; then nothing has
   * changed.
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
  // Without authorities in the options, those of Node.js are trusted.
  const isOtherKind = (after.authorities.size === 0) !== (before.authorities.size === 0);
  const isAuthorityGone = [...before.authorities].some((each) => !after.authorities.has(each));
  const isSame = after.revocations.join() === before.revocations.join();
  return isOtherKind || isAuthorityGone || !isSame;
}

/**
 * The credentials to reload.
 *
 * @throws TransportError (`TRANSPORT_INVALID`) if the transport has no option `tls`.
 */
export function reloadable(tls: Credentials | undefined): Credentials {
  if (tls !== undefined) return tls;
  const problem = 'this transport was started without the option tls: there is nothing to reload';
  throw new TransportError('TRANSPORT_INVALID', problem);
}
