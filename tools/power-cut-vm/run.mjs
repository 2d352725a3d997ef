// Runs in the virtual machine: the program and the arguments that the kernel's command line names,
// as JSON in Base64.
import { readFileSync } from 'node:fs';

const [, encoded] = /babuza=(\S+)/.exec(readFileSync('/proc/cmdline', 'utf8'));
const [program, ...args] = JSON.parse(Buffer.from(encoded, 'base64').toString());
process.argv = [process.execPath, program, ...args];
await import(program);
