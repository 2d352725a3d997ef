/**
 * A prompt that keeps the cluster running and executes commands. Commands may also come from a
 * pipe, one per line.
 */
import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { byteSize } from '../common/figures.ts';
import { addLearner } from './scenes.ts';
import type { Stage } from './stage.ts';

const help = `status                 show each node: role, term, indexes, keys
members                list the members and their addresses
put KEY VALUE          get KEY          delete KEY
kill ID                send SIGKILL     restart ID
partition ID[,ID…]     cut these nodes off from the others       heal
transfer [ID]          transfer leadership to this node, or to any voter
add                    start a new node as a learner; it is promoted when it has caught up
remove ID              remove the member for good, and end its process
snapshot [ID]          take a snapshot on this node, or on the leader
help                   exit`;

/** A command. `text` is the rest of the line after its name. */
type Command = (stage: Stage, text: string) => Promise<string>;

const commands: Readonly<Record<string, Command>> = {
  status,
  members,
  put: async ({ admin }, text) => {
    const [, key, value] = /^(\S+)\s(.*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) throw new RangeError('expected: put KEY VALUE');
    const { index } = await admin.put(key, Buffer.from(value));
    return `written at index ${index}`;
  },
  get: async ({ admin }, key) => {
    const value = await admin.get(key);
    return value === undefined ? 'the key has no value' : Buffer.from(value).toString();
  },
  delete: async ({ admin }, key) => {
    const { existed } = await admin.delete(key);
    return existed ? 'deleted' : 'the key had no value';
  },
  kill: async ({ cluster }, id) => {
    if (!cluster.node(idOf(id)).handle.isRunning) return `node ${id} is already down`;
    await cluster.kill(idOf(id));
    return `node ${id} was killed`;
  },
  restart: async ({ cluster }, id) => {
    if (cluster.node(idOf(id)).handle.isRunning) return `node ${id} is already running`;
    await cluster.start(idOf(id));
    return `node ${id} was restarted on its directory`;
  },
  partition: async ({ cluster }, ids) => {
    const apart = ids.split(',').map((id) => cluster.node(idOf(id.trim())).id);
    cluster.partition(apart);
    return `cut off from the others: ${apart.join(', ')}`;
  },
  heal: async ({ cluster }) => {
    cluster.heal();
    return 'all nodes can reach each other';
  },
  transfer: async ({ admin }, id) => {
    const leader = await admin.cluster.transferLeadership(id === '' ? undefined : idOf(id));
    return `node ${leader?.id ?? '?'} leads`;
  },
  add,
  remove: async ({ admin, cluster }, id) => {
    await admin.cluster.removeMember(idOf(id));
    await cluster.remove(idOf(id));
    return `node ${id} is removed; its id is never used again`;
  },
  snapshot: async (stage, id) => {
    const node = id === '' ? await stage.leader() : stage.cluster.node(idOf(id));
    const { index } = await stage.admin.cluster.takeSnapshot({ at: node.apiUrl });
    return `node ${node.id} has a snapshot at index ${index}`;
  },
  help: async () => help,
};

/**
 * Runs commands until `exit` or the end of the input. Commands that do not come from a terminal are
 * echoed.
 */
export async function serve(stage: Stage, input: Readable & { isTTY?: boolean }): Promise<void> {
  const { terminal } = stage;
  terminal.step('The cluster keeps running: type help, or exit');
  const lines = createInterface({ input, terminal: false });
  terminal.prompt('> ');
  for await (const line of lines) {
    if (input.isTTY !== true) terminal.line(line);
    const [, name = '', text = ''] = /^\s*(\S*)\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === 'exit' || name === 'quit') break;
    if (name !== '') await run(stage, name, text);
    terminal.prompt('> ');
  }
  lines.close();
}

async function run(stage: Stage, name: string, text: string): Promise<void> {
  const { terminal } = stage;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    terminal.warn(`unknown command ${name}; type help`);
    return;
  }
  const slow = setTimeout(() => terminal.note('still running'), 1000);
  try {
    for (const line of (await command(stage, text)).split('\n')) terminal.note(line);
  } catch (error) {
    terminal.bad(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(slow);
  }
}

async function status({ cluster, admin }: Stage): Promise<string> {
  const lines = cluster.nodes.map(async ({ id, apiUrl, handle }) => {
    if (!handle.isRunning) return `node ${id}  is down`;
    const asked = admin.cluster.status({ at: apiUrl, deadlineMs: 2000 });
    const view = await asked.catch(() => undefined);
    if (view === undefined) return `node ${id}  does not answer`;
    const { role, term, commitIndex, appliedIndex, keys, bytes } = view;
    const indexes = `committed ${commitIndex}, applied ${appliedIndex}`;
    return `node ${id}  ${role.padEnd(9)} term ${term}  ${indexes}  ${keys} keys, ${byteSize(bytes)}`;
  });
  return (await Promise.all(lines)).join('\n');
}

async function members({ admin }: Stage): Promise<string> {
  const { members, removed } = await admin.cluster.members();
  const shown = members.map(
    ({ id, role, address, api }) =>
      `node ${id}  ${role.padEnd(7)}  Raft ${address}  API ${api ?? '?'}`,
  );
  return [...shown, `removed: ${removed.length === 0 ? 'none' : removed.join(', ')}`].join('\n');
}

async function add(stage: Stage): Promise<string> {
  const { admin, cluster } = stage;
  const id = await addLearner(stage);
  await cluster.start(id);
  await stage.eventually(`the promotion of node ${id}`, async () => {
    await admin.cluster.promoteMember(id);
    return true;
  });
  return `node ${id} has caught up and is a voter`;
}

function idOf(text: string): bigint {
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new RangeError(`expected the id of a node, got ${text === '' ? 'nothing' : text}`);
}
