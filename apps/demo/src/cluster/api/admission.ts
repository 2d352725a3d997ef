/** Decides whether a request is admitted, before any byte of its body is read. */
import type { IncomingMessage } from 'node:http';
import type { Route } from './router.ts';
import { checkRole, TokenCheck, type ApiRole, type ApiToken } from './tokens.ts';
import { checkedHosts, refuseSimpleRequest, refuseWebPages } from './web-pages.ts';

export interface AdmissionOptions {
  /**
   * Host names and addresses under which clients reach this node, without ports, IPv6 in brackets.
   * The local address of the connection and the loopback are always allowed. Default: no others.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Every call must present one of these tokens. Without tokens everyone who reaches the API may do
   * everything, except web pages of other origins. Default: no tokens.
   */
  readonly tokens?: readonly ApiToken[] | undefined;
}

export class Admission {
  readonly #hosts: ReadonlySet<string>;
  readonly #tokens: TokenCheck | undefined;

  /** Throws a `TypeError` for an invalid host or token. */
  constructor({ hosts = [], tokens }: AdmissionOptions) {
    this.#hosts = checkedHosts(hosts);
    this.#tokens = tokens === undefined ? undefined : new TokenCheck(tokens);
  }

  /**
   * Returns the role of the caller. Throws `API_FOREIGN_HOST`, `API_FOREIGN_ORIGIN` or
   * `API_UNAUTHENTICATED`.
   */
  enter(request: IncomingMessage): ApiRole {
    refuseWebPages(request, this.#hosts);
    return this.#tokens === undefined ? 'admin' : this.#tokens.roleOf(request);
  }

  /** Throws `API_FORBIDDEN`, or `API_MEDIA_TYPE` for a change that a web page could have sent. */
  mayCall(request: IncomingMessage, has: ApiRole, { method, role }: Route): void {
    checkRole(has, role ?? (method === 'GET' ? 'read' : 'write'));
    if (method !== 'GET') refuseSimpleRequest(request);
  }
}
