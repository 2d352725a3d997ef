import type { Mutant } from '../mutant.ts';

const changeOver = 'transport-http/test/change-over.test.ts';

/** Errors that cut members off from each other, or open them, while a cluster is protected. */
export const transportHttpChangeOver: readonly Mutant[] = [
  {
    name: 'insecure: true is taken beside a secret that protects all connections',
    file: 'transport-http/src/options.ts',
    find: 'if (insecure && isProtected({ tls, secrets, transition }))',
    replace: 'if (insecure && isProtected({ tls, secrets: [], transition }))',
    caughtBy: [changeOver, 'is refused beside a secret, where it has no effect'],
  },
  {
    name: 'insecure: true is refused in the rounds that need it',
    file: 'transport-http/src/options.ts',
    find: 'if (insecure && isProtected({ tls, secrets, transition }))',
    replace: 'if (insecure && (tls !== undefined || secrets.length > 0))',
    caughtBy: [changeOver, 'is taken beside mutual TLS that is accepted'],
  },
  {
    name: 'the line break at the end of a file makes another secret',
    file: 'transport-http/src/access/check-secrets.ts',
    find: "text.replace(lineBreaksAtEnd, '')",
    replace: "text.replace(lineBreaksAtEnd, '\\n')",
    caughtBy: [changeOver, 'is the text before it'],
  },
  {
    name: 'random bytes lose a line break at their end',
    file: 'transport-http/src/access/check-secrets.ts',
    find: 'return controlCharacter.test(text) ? secret :',
    replace: 'return text.length === 0 ? secret :',
    caughtBy: [changeOver, 'keeps its last byte'],
  },
  {
    name: 'the same secret twice passes for a change of the secret',
    file: 'transport-http/src/access/check-secrets.ts',
    find: 'if (second !== undefined && first?.equals(second) === true)',
    replace: 'if (second !== undefined && first === second)',
    caughtBy: [changeOver, 'that is given twice is refused'],
  },
  {
    name: 'a connection that the other side resets says nothing of the protection',
    file: 'transport-http/src/access/broken-opening.ts',
    find: "typeof code === 'string' && (code === endedEarlyCode || codesOfBrokenOpenings.test(code))",
    replace: 'code === endedEarlyCode',
    caughtBy: [changeOver, 'with plain says so when it connects to one with secret'],
  },
  {
    name: 'a challenge that ends early says nothing of the protection',
    file: 'transport-http/src/access/broken-opening.ts',
    find: "typeof code === 'string' && (code === endedEarlyCode || codesOfBrokenOpenings.test(code))",
    replace: "typeof code === 'string' && codesOfBrokenOpenings.test(code)",
    caughtBy: [changeOver, 'with secret says so when it connects to one with another secret'],
  },
  {
    name: 'a member that is down counts as one with another protection',
    file: 'transport-http/src/access/broken-opening.ts',
    find: '  if (!isBrokenOpening) return cause;\n',
    replace: "  if (!isBrokenOpening && code === '') return cause;\n",
    caughtBy: [changeOver, 'says nothing of options where nobody listens'],
  },
  {
    name: 'a member that accepts TLS connects with it at once',
    file: 'transport-http/src/access/connect.ts',
    find: "return settings.transition.tls === 'accept' ? undefined : credentials;",
    replace: 'return settings.tls === undefined ? undefined : credentials;',
    caughtBy: [changeOver, 'a member that accepts TLS reaches a plain one'],
  },
  {
    name: 'a member that accepts a secret shows it at once',
    file: 'transport-http/src/access/connect.ts',
    find: "return settings.transition.secret === 'accept' ? undefined : settings.secrets[0];",
    replace: 'return settings.secrets[0];',
    caughtBy: [changeOver, 'a member that accepts a secret reaches a plain one'],
  },
  {
    name: 'a member that accepts TLS takes nothing else',
    file: 'transport-http/src/access/entrance.ts',
    find: 'else if (transition.tls === undefined) this.#encrypted(this.#tls, socket);',
    replace: "else if (transition.tls !== 'connect') this.#encrypted(this.#tls, socket);",
    caughtBy: [changeOver, 'a member that is plain reaches one that accepts TLS'],
  },
  {
    name: 'a member that accepts a secret takes nothing else',
    file: 'transport-http/src/access/entrance.ts',
    find: 'if (settings.transition.secret !== undefined) this.#serve(connection);',
    replace: "if (settings.transition.secret === 'connect') this.#serve(connection);",
    caughtBy: [changeOver, 'a member that is plain reaches one that accepts a secret'],
  },
  {
    name: 'only the secret that is shown is accepted',
    file: 'transport-http/src/access/secret.ts',
    find: 'return secrets.find((secret) =>',
    replace: 'return secrets.slice(0, 1).find((secret) =>',
    caughtBy: [changeOver, 'has the old secret reaches one that shows the new one'],
  },
];
