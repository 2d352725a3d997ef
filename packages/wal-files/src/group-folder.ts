/**
 * The log of group 0 lies in the directory itself, those of other groups in folders of their own.
 */

const groupPattern = /^group-[0-9a-f]{16}$/;

/** The folder of a group other than 0. */
export function groupFolder(groupId: bigint): string {
  return `group-${groupId.toString(16).padStart(16, '0')}`;
}

export function isGroupFolder(name: string): boolean {
  return groupPattern.test(name);
}

/** Where the log of a group is. */
export function directoryOfGroup(directory: string, groupId: bigint): string {
  return groupId === 0n ? directory : `${directory}/${groupFolder(groupId)}`;
}

/** Names in the directory of a log that are no part of the log, and no obstacle to a new one. */
export function isNameBesideLog(name: string): boolean {
  return isGroupFolder(name) || name.startsWith('LOCK');
}
