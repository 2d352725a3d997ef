/**
 * Bearer tokens with roles (RFC 6750), as an option of the API. Each role may do what those before
 * it may: `read` asks, `write` changes keys and sessions, `admin` changes the cluster.
 *
 * Only digests of the tokens are kept, with a key of this process, and a token that comes in is
 * compared with each of them in constant time. No token gets into a message, an error or a log.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiError } from './errors.ts';

export const apiRoles = ['read', 'write', 'admin'] as const;
export type ApiRole = (typeof apiRoles)[number];

export interface ApiToken {
  /** 32 to 512 of the characters `A-Z a-z 0-9 - . _ ~ + / =`, made by chance. */
  readonly token: string;
  readonly role: ApiRole;
}

const tokenPattern = /^[A-Za-z0-9\-._~+/]{32,512}=*$/;
const credentialsPattern = /^bearer ([A-Za-z0-9\-._~+/]{1,512}=*)$/i;

export class TokenCheck {
  readonly #key = randomBytes(32);
  readonly #known: readonly { readonly digest: Uint8Array; readonly role: ApiRole }[];

  /** Throws a `TypeError`, which does not have the token in it. */
  constructor(tokens: readonly ApiToken[]) {
    if (tokens.length === 0) {
      throw new TypeError(
        "'tokens' of the API is empty, so no call would be allowed; leave it out to allow calls without a token",
      );
    }
    const seen = new Set<string>();
    for (const [at, { token, role }] of tokens.entries()) {
      if (typeof token !== 'string' || !tokenPattern.test(token) || seen.has(token)) {
        throw new TypeError(
          `token ${at + 1} of the API must have 32 to 512 characters of A-Z a-z 0-9 - . _ ~ + / = and be there once`,
        );
      }
      if (!apiRoles.includes(role)) {
        throw new TypeError(
          `the role of token ${at + 1} of the API must be ${apiRoles.join(', ')}`,
        );
      }
      seen.add(token);
    }
    this.#known = tokens.map(({ token, role }) => ({ digest: this.#digestOf(token), role }));
  }

  /** Returns the role of the caller. Throws `API_UNAUTHENTICATED`. */
  roleOf({ headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>): ApiRole {
    const { authorization: given = [] } = headersDistinct;
    // With two headers, a proxy in front may have checked the other one, so both are refused.
    const [only = ''] = given.length === 1 ? given : [];
    const [, token] = credentialsPattern.exec(only) ?? [];
    const digest = this.#digestOf(token ?? '');
    let role: ApiRole | undefined;
    // Every token is compared, so that the time does not depend on which one matches.
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) role = known.role;
    }
    if (token !== undefined && role !== undefined) return role;
    throw new ApiError(
      'API_UNAUTHENTICATED',
      "the API wants 'authorization: Bearer …' with a token",
      {
        headers: { 'www-authenticate': 'Bearer realm="babuza"' },
      },
    );
  }

  #digestOf(token: string): Uint8Array {
    return createHmac('sha256', this.#key).update(token).digest();
  }
}

/** Throws `API_FORBIDDEN` when the role of the caller is lower than the needed one. */
export function checkRole(has: ApiRole, needed: ApiRole): void {
  if (apiRoles.indexOf(has) >= apiRoles.indexOf(needed)) return;
  throw new ApiError('API_FORBIDDEN', `this call needs a token of the role '${needed}'`, {
    headers: { 'www-authenticate': 'Bearer realm="babuza", error="insufficient_scope"' },
  });
}
