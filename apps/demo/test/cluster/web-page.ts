/**
 * Requests as a browser sends them for a page, over real sockets: with the headers that a page
 * cannot choose, and with a preflight where the standard (Fetch, "CORS protocol") wants one.
 */
import { connect } from 'node:net';

export interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Where the page comes from, as the browser sees it. */
export interface Page {
  /** `null` in a sandboxed frame, or behind a redirect; `undefined`: a browser that sends none. */
  readonly origin: string | undefined;
  readonly site: 'cross-site' | 'same-site' | 'same-origin' | 'none' | undefined;
  /** What is in the address bar where the name of the page leads to the node. */
  readonly host?: string;
}

const simpleTypes = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];
const simpleMethods = ['GET', 'HEAD', 'POST'];

/** Sends these lines and bytes as they are; the connection ends with the answer. */
export function exchange(url: string, lines: readonly string[], body = ''): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const head = [...lines, 'connection: close', '', ''].join('\r\n');
    const socket = connect(Number(port), hostname, () => socket.write(head + body));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(parsed(Buffer.concat(chunks).toString())));
  });
}

function parsed(text: string): Seen {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: text.slice(end + 4),
  };
}

/** The lines of a request of this page, without a preflight: a form, or `fetch` without CORS. */
export function send(
  url: string,
  page: Page,
  { method, path, headers, body }: PageRequest,
): Promise<Seen> {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${page.host ?? new URL(url).host}`];
  // A GET without CORS, such as that of an image, has no origin.
  const sendsOrigin = page.origin !== undefined && method !== 'GET' && method !== 'HEAD';
  if (sendsOrigin) lines.push(`Origin: ${page.origin}`);
  if (page.site !== undefined)
    lines.push(`Sec-Fetch-Site: ${page.site}`, 'Sec-Fetch-Mode: no-cors');
  for (const [name, value] of Object.entries(headers ?? {})) lines.push(`${name}: ${value}`);
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return exchange(url, lines, body);
}

/**
 * `fetch` with CORS. `undefined`: the browser did not send it, because the preflight was not
 * allowed.
 */
export async function fetchAsPage(
  url: string,
  page: Page,
  request: PageRequest,
): Promise<{ readonly preflight: Seen | undefined; readonly answer: Seen | undefined }> {
  const { method, path, headers = {} } = request;
  const own = Object.keys(headers).filter((name) => name.toLowerCase() !== 'content-type');
  const type = headers['content-type']?.split(';')[0] ?? 'text/plain';
  const isSimple = simpleMethods.includes(method) && own.length === 0 && simpleTypes.includes(type);
  if (isSimple || page.site === 'same-origin') {
    return { preflight: undefined, answer: await send(url, page, request) };
  }
  const preflight = await exchange(url, [
    `OPTIONS ${path} HTTP/1.1`,
    `Host: ${page.host ?? new URL(url).host}`,
    `Origin: ${page.origin ?? 'null'}`,
    `Access-Control-Request-Method: ${method}`,
    `Access-Control-Request-Headers: ${Object.keys(headers).join(',')}`,
    'Sec-Fetch-Mode: cors',
    ...(page.site === undefined ? [] : [`Sec-Fetch-Site: ${page.site}`]),
  ]);
  const isAllowed =
    preflight.status < 300 && preflight.headers['access-control-allow-origin'] !== undefined;
  return { preflight, answer: isAllowed ? await send(url, page, request) : undefined };
}
