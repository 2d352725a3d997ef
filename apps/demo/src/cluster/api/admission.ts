/** Decides whether a request may be acted on. Nothing of its body was read before. */
import type { IncomingMessage } from 'node:http';
import type { Route } from './router.ts';
import { checkRole, TokenCheck, type ApiRole, type ApiToken } from './tokens.ts';
import { checkedHosts, refuseSimpleRequest, refuseWebPages } from './web-pages.ts';

export interface AdmissionOptions {
  /**
   * Names and addresses that clients reach this node by, without ports, IPv6 in brackets. The
   * address that a connection came to and those of the loopback need not be named. Default: none.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Every call needs one of these tokens. Without them whoever reaches the API may do everything,
   * except web pages of other origins. Default: none.
   */
  readonly tokens?: readonly ApiToken[] | undefined;
}

export class Admission {
  readonly #hosts: ReadonlySet<string>;
  readonly #tokens: TokenCheck | undefined;

  /** Throws a `TypeError` for a host or a token that is none. */
  constructor({ hosts = [], tokens }: AdmissionOptions) {
    this.#hosts = checkedHosts(hosts);
    this.#tokens = tokens === undefined ? undefined : new TokenCheck(tokens);
  }

  /**
   * The role of the caller. Throws `API_FOREIGN_HOST`, `API_FOREIGN_ORIGIN`, `API_UNAUTHENTICATED`.
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
