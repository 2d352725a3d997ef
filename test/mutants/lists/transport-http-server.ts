import type { Mutant } from '../mutant.ts';

const book = 'transport-http/test/classes/name-book.test.ts';
const oldBook = 'transport-http/test/name-book.test.ts';
const server = 'transport-http/test/classes/http-server.test.ts';

/** The memory of names, and the server. */
export const transportHttpServer: readonly Mutant[] = [
  {
    name: 'a connection that was made does not shorten the next rest of a name',
    file: 'transport-http/src/connections/name-book.ts',
    find: '    entry.confirmedMs = this.#nowMs();\n    entry.lookUpsWithoutConnection = 0;\n',
    replace: '    entry.confirmedMs = this.#nowMs();\n',
    caughtBy: [book, 'a connection that was made ends the rest'],
  },
  {
    name: 'a member that is back is looked up as seldom as before',
    file: 'transport-http/src/connections/name-book.ts',
    find: '    entry.lookUpsWithoutConnection = 0;\n    entry.dueMs = 0;\n    this.#lookUpWhenDue(entry);',
    replace: '    entry.dueMs = 0;\n    this.#lookUpWhenDue(entry);',
    caughtBy: [book, 'a member that is back ends the rest'],
  },
  {
    name: 'a failed connection to a name in capitals looks nothing up',
    file: 'transport-http/src/connections/name-book.ts',
    find: '    const entry = this.#entries.get(keyOf(host));\n    if (entry !== undefined) this.#lookUpWhenDue',
    replace:
      '    const entry = this.#entries.get(host);\n    if (entry !== undefined) this.#lookUpWhenDue',
    caughtBy: [book, 'the same in capitals'],
  },
  {
    name: 'strangers push a member out that is in use',
    file: 'transport-http/src/connections/name-book.ts',
    find: '    this.#entries.delete(key);\n    this.#entries.set',
    replace: '    this.#entries.set',
    caughtBy: [book, 'used least recently is forgotten'],
  },
  {
    name: 'one host less is remembered than there may be',
    file: 'transport-http/src/connections/name-book.ts',
    find: 'this.#entries.size > hostsMax',
    replace: 'this.#entries.size >= hostsMax',
    caughtBy: [book, 'used least recently is forgotten'],
  },
  {
    name: 'any number of hosts is remembered',
    file: 'transport-http/src/connections/name-book.ts',
    find: 'this.#entries.size > hostsMax && oldest',
    replace: 'this.#entries.size > 65536 * hostsMax && oldest',
    caughtBy: [oldBook, 'forgotten it among many others'],
  },
  {
    name: 'an address that was just found is looked up again at each use',
    file: 'transport-http/src/connections/name-book.ts',
    find: '    entry.addresses = found;\n    entry.confirmedMs = this.#nowMs();',
    replace: '    entry.addresses = found;',
    caughtBy: [book, 'a minute after it was found'],
  },
  {
    name: 'a look-up that hangs hides why the one before it failed',
    file: 'transport-http/src/connections/name-book.ts',
    find: 'else entry.error ??= new NameError(entry.host, late);',
    replace: 'else entry.error = new NameError(entry.host, late);',
    caughtBy: [
      book,
      'the last of several failures is reported, and a look-up that hangs hides none of them',
    ],
  },
  {
    name: 'the first failure of a name is told for ever',
    file: 'transport-http/src/connections/name-book.ts',
    find: 'if (!signal.aborted) entry.error = error;',
    replace: 'if (!signal.aborted) entry.error ??= error;',
    caughtBy: [
      book,
      'the last of several failures is reported, and a look-up that hangs hides none of them',
    ],
  },
  {
    name: 'a host that is found for the first time has moved',
    file: 'transport-http/src/connections/name-book.ts',
    find: 'const isMoved = entry.addresses.length > 0 && !isKept;',
    replace: 'const isMoved = !isKept;',
    caughtBy: [book, 'found for the first time has not moved'],
  },
  {
    name: 'a look-up that hangs is never given up',
    file: 'transport-http/src/connections/name-book.ts',
    find: '() => limit.abort()',
    replace: '() => undefined',
    caughtBy: [oldBook, 'is given up after 15 s'],
  },
  {
    name: 'an answer without addresses takes the place of those that are known',
    file: 'transport-http/src/connections/name-book.ts',
    find: "      if (found.length === 0) throw new NameError(entry.host, 'it has no address');\n",
    replace: '',
    caughtBy: [oldBook, 'fails also where the look-up throws'],
  },
  {
    name: 'names are looked up after the end of the transport',
    file: 'transport-http/src/connections/name-book.ts',
    find: '|| !isDue || this.#parts.closing.aborted',
    replace: '|| !isDue',
    caughtBy: [oldBook, 'and with the transport'],
  },
  {
    name: 'a snapshot that takes longer than five minutes is cut off',
    file: 'transport-http/src/server/http-server.ts',
    find: '    requestTimeout: 0,\n',
    replace: '',
    caughtBy: [server, 'gives a request any time'],
  },
  {
    name: 'half a head holds a connection for a minute',
    file: 'transport-http/src/server/http-server.ts',
    find: '    headersTimeout: settings.stallTimeoutMs,\n',
    replace: '',
    caughtBy: [server, 'gives a request any time'],
  },
  {
    name: 'half a head holds a connection for half a minute more',
    file: 'transport-http/src/server/http-server.ts',
    find: '    connectionsCheckingInterval: settings.stallTimeoutMs / 2,\n',
    replace: '',
    caughtBy: [server, 'on which half a head stands still'],
  },
  {
    name: 'an idle connection is cut off after five seconds',
    file: 'transport-http/src/server/http-server.ts',
    find: '    keepAliveTimeout: 60_000,\n',
    replace: '',
    caughtBy: [server, 'gives a request any time'],
  },
  {
    name: 'a stranger may send a head of a mebibyte',
    file: 'transport-http/src/server/http-server.ts',
    find: '    maxHeaderSize: headBytesMax,\n',
    replace: '    maxHeaderSize: 64 * headBytesMax,\n',
    caughtBy: [server, 'a value of 16384 bytes'],
  },
  {
    name: 'the head of a member with a long introduction is refused',
    file: 'transport-http/src/server/http-server.ts',
    find: 'const headBytesMax = 16 * 1024;',
    replace: 'const headBytesMax = 2 * 1024;',
    caughtBy: [server, 'a value of 15360 bytes'],
  },
  {
    name: 'a connection stays until a stranger closes its half',
    file: 'transport-http/src/server/http-server.ts',
    find: 'else socket.end(text, () => socket.destroy());',
    replace: 'else socket.end(text);',
    caughtBy: [server, 'with its half is not waited for'],
  },
  {
    name: 'the last word is written into the middle of an answer',
    file: 'transport-http/src/server/http-server.ts',
    find: 'if (!socket.writable || socket.writableLength > 0) socket.destroy();',
    replace: 'if (!socket.writable) socket.destroy();',
    caughtBy: [server, 'in the middle of an answer'],
  },
  {
    name: 'a client that does not speak HTTP gets an answer in HTTP',
    file: 'transport-http/src/server/http-server.ts',
    find: "'code' in error && /^(?:HPE|ERR_HTTP)_/.test(String(error.code))",
    replace: "'code' in error",
    caughtBy: [server, 'with the code ECONNRESET'],
  },
];
