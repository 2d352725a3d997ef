/** After a power cut no lock names a process of this boot of the machine. */
import { readFile, readdir, writeFile } from 'node:fs/promises';

/**
 * Power cuts end all processes of a machine, but not that of the test, which had the log open when
 * it judged the cut before. A lock that it had given back may be there again: it becomes one of
 * another boot of the machine, as it would be after a real cut.
 */
export async function endBoot(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => each.startsWith('LOCK'))) {
    const record = await readFile(`${directory}/${name}`, 'utf8');
    const replaced = record.replace(/"bootId":"./, '"bootId":"-');
    if (replaced !== record) await writeFile(`${directory}/${name}`, replaced);
  }
}
