/** Requests that a web page in a developer's browser can send to the API of a member. */
import type { Attack } from '../attack.ts';

const patienceMs = 5000;
const foreign = 'http://page.example';

export const webPage: Attack = {
  name: 'web page to the API',
  connections: 8,
  pauseMs: 300,
  strike: (striker) => {
    const line = striker.api();
    const call = striker.oneOf([
      'POST /v1/members',
      'DELETE /v1/members/2',
      'POST /v1/leadership',
      'PUT /v1/keys/x',
      'POST /v1/snapshots',
    ]);
    const headers = striker.oneOf([
      `Host: page.example\r\nContent-Type: application/json`,
      `Host: 127.0.0.1\r\nOrigin: ${foreign}\r\nContent-Type: application/json`,
      `Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\nContent-Type: application/json`,
      `Host: 127.0.0.1\r\nContent-Type: text/plain`,
    ]);
    const body = '{"id":"66","address":"127.0.0.1:9","role":"voter"}';
    line.write(`${call} HTTP/1.1\r\n${headers}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    return line.outcome(patienceMs);
  },
};
