/**
 * Finds the handler for a method and a path. Parts that begin with `:` are variable; they stay
 * percent-encoded.
 */
import type { ApiHandler } from './call.ts';
import { ApiError } from './errors.ts';
import type { ApiRole } from './tokens.ts';

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** As `/v1/keys/:key`. */
  readonly path: string;
  readonly handler: ApiHandler;
  /**
   * The role that a caller needs where the API has tokens. Default: `read` for `GET`, else `write`.
   */
  readonly role?: ApiRole;
  /** Whether the call may take long, like a snapshot. Default: false. */
  readonly isLong?: boolean;
}

export interface Match {
  readonly route: Route;
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

export class Router {
  /** Routes by their number of path parts, so that few must be compared. */
  readonly #routes = new Map<number, { readonly route: Route; readonly parts: string[] }[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const parts = route.path.split('/');
      const same = this.#routes.get(parts.length) ?? [];
      same.push({ route, parts });
      this.#routes.set(parts.length, same);
    }
  }

  /** Throws `API_NOT_FOUND`, and `API_METHOD_NOT_ALLOWED` with the methods that there are. */
  find(method: string, target: string): Match {
    const mark = target.indexOf('?');
    const parts = (mark < 0 ? target : target.slice(0, mark)).split('/');
    const here = (this.#routes.get(parts.length) ?? []).filter((candidate) =>
      candidate.parts.every((part, at) => (part.startsWith(':') ? true : part === parts[at])),
    );
    if (here.length === 0) throw new ApiError('API_NOT_FOUND', 'there is nothing at this path');
    // The server sends the answer to HEAD without its body.
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = here.find(({ route }) => route.method === wanted);
    if (found === undefined) {
      const methods = here.map(({ route }) =>
        route.method === 'GET' ? 'GET, HEAD' : route.method,
      );
      const allow = methods.join(', ');
      throw new ApiError('API_METHOD_NOT_ALLOWED', `this path has ${allow}`, {
        headers: { allow },
      });
    }
    return {
      route: found.route,
      parts: parts.filter((_part, at) => found.parts[at]?.startsWith(':') === true),
      query: new URLSearchParams(mark < 0 ? '' : target.slice(mark)),
    };
  }
}
