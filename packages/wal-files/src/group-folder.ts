/**
 * The names of the folders of Raft groups. The log of group 0 is in the directory itself, and those
 * of other groups are in folders of their own.
 */

const groupPattern = /^group-[0-9a-f]{16}$/;

/** The folder of a group other than 0. */
export function groupFolder(groupId: bigint): string {
  return `group-${groupId.toString(16).padStart(16, '0')}`;
}

export function isGroupFolder(name: string): boolean {
  return groupPattern.test(name);
}

/** The directory with the log of a group. */
export function directoryOfGroup(directory: string, groupId: bigint): string {
  return groupId === 0n ? directory : `${directory}/${groupFolder(groupId)}`;
}

/**
 * Whether a name in the directory of a log belongs to the lock or to another group, and so does not
 * prevent a new log there.
 */
export function isNameBesideLog(name: string): boolean {
  return isGroupFolder(name) || name.startsWith('LOCK');
}
