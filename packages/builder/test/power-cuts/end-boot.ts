/** Makes locks look as after a reboot of the machine. */
import { readFile, readdir, writeFile } from 'node:fs/promises';

/**
 * A real power cut ends all processes, but the test process survives, which had opened the log to
 * check the previous cut. A lock that it has released may reappear after the cut. It is rewritten
 * as a lock of another boot, as after a real cut.
 */
export async function endBoot(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => each.startsWith('LOCK'))) {
    const record = await readFile(`${directory}/${name}`, 'utf8');
    const replaced = record.replace(/"bootId":"./, '"bootId":"-');
    if (replaced !== record) await writeFile(`${directory}/${name}`, replaced);
  }
}
