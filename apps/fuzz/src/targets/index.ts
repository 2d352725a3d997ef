import type { Target } from '../decoder.ts';
import { native } from './native.ts';
import { etcd } from './etcd.ts';
import { level } from './level.ts';
import { live } from './live.ts';
import { demo } from './demo.ts';
import { http } from './http.ts';
import { raftpb } from './raftpb.ts';
import { smallRecords } from './records.ts';
import { sessions } from './sessions.ts';
import { snapshots } from './snapshots.ts';
import { state } from './state.ts';

/** All targets, in the order in which they begin. */
export const targets: readonly Target[] = [
  raftpb,
  state,
  smallRecords,
  sessions,
  snapshots,
  http,
  demo,
  native,
  etcd,
  level,
  live,
];

/** Throws `TypeError` with the names that there are. */
export function targetOf(name: string): Target {
  const found = targets.find((target) => target.name === name);
  if (found !== undefined) return found;
  const names = targets.map((target) => target.name).join(', ');
  throw new TypeError(`there is no target '${name}'; there are: ${names}`);
}
