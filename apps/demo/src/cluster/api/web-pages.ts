/**
 * Keeps web pages away from the API. A browser on the machine of a developer reaches a node on the
 * loopback, also for a page of a stranger. Three rules, before anything of a request is acted on:
 *
 * - `Host` names this node. A page whose own name was pointed at this address (DNS rebinding) has
 *   that name in it.
 * - The request is not from a page of another origin: neither `Origin` nor `Sec-Fetch-Site` says
 *   so.
 * - A request that changes something has `Content-Type: application/json` or the header
 *   `babuza-request`. A form and a request "without CORS" can have neither, and this API answers no
 *   preflight, which a page needs for both.
 */
import type { IncomingMessage } from 'node:http';
import { ApiError } from './errors.ts';

/** A header with any value. A web page cannot send it without a preflight. */
export const requestHeader = 'babuza-request';

/** Names that are never resolved by DNS, so that an attacker cannot redirect them. */
const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

const hostPattern = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::\d{1,5})?$/;

/** Returns the hosts of an API in the form that is compared. Throws a `TypeError` for no host. */
export function checkedHosts(hosts: readonly string[]): ReadonlySet<string> {
  for (const host of hosts) {
    const name = hostPattern.exec(host.toLowerCase())?.[1];
    if (name === undefined || name !== host.toLowerCase()) {
      throw new TypeError(
        `'${host}' is no host of an API: give names or addresses without scheme, port and path, IPv6 in brackets`,
      );
    }
  }
  return new Set(hosts.map((host) => host.toLowerCase()));
}

/** Throws `API_FOREIGN_HOST` or `API_FOREIGN_ORIGIN`. */
export function refuseWebPages(request: IncomingMessage, hosts: ReadonlySet<string>): void {
  const { headers, headersDistinct, socket } = request;
  const given = headersDistinct['host'] ?? [];
  // Browsers always send `Host`, so a request without it comes from a program.
  const host = given.length === 0 ? undefined : hostOf(given);
  if (given.length > 0 && (host === undefined || !isOwn(host, socket.localAddress, hosts))) {
    throw new ApiError(
      'API_FOREIGN_HOST',
      "the header 'host' does not name this node; its operator can add a name to the option 'hosts' of the API",
    );
  }
  const site = headers['sec-fetch-site'];
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  const origins = headersDistinct['origin'] ?? [];
  const ownOrigins = given.flatMap((own) => [
    `http://${own.toLowerCase()}`,
    `https://${own.toLowerCase()}`,
  ]);
  const isForeignOrigin = origins.some((origin) => !ownOrigins.includes(origin.toLowerCase()));
  if (isForeignSite || isForeignOrigin || origins.length > 1) {
    throw new ApiError('API_FOREIGN_ORIGIN', 'web pages of other origins are not served');
  }
}

/** For a request that changes something. Throws `API_MEDIA_TYPE`. */
export function refuseSimpleRequest({ headers }: IncomingMessage): void {
  if ((headers[requestHeader] ?? '').length > 0) return;
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() === 'application/json') return;
  throw new ApiError(
    'API_MEDIA_TYPE',
    `a call that changes something has 'content-type: application/json' or '${requestHeader}: 1'; nothing was done`,
  );
}

/**
 * Returns the host without its port, which a tunnel or proxy changes. Returns `undefined` for no
 * host or several.
 */
function hostOf(given: readonly string[]): string | undefined {
  const [host = ''] = given;
  return given.length === 1 ? hostPattern.exec(host.toLowerCase())?.[1] : undefined;
}

function isOwn(
  host: string,
  localAddress: string | undefined,
  hosts: ReadonlySet<string>,
): boolean {
  if (loopbackHosts.has(host) || hosts.has(host)) return true;
  if (localAddress === undefined) return false;
  const address = localAddress.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return host === (address.includes(':') ? `[${address}]` : address);
}
