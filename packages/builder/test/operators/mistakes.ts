/** All mistakes that the simulation makes. */
import { runBothCopies, runCopyAfterwards, startTwiceWhilePaused } from './mistakes-with-copies.ts';
import { exchange, putOldBack, wipe, type Mistake } from './mistakes-with-disks.ts';
import { addStray, exchangeAddresses, moveAway, replaceByStray } from './mistakes-with-members.ts';

import { changeKind } from './mistakes-with-kinds.ts';
import { loseMost, loseOnlyLog } from './mistakes-without-quorum.ts';

export const mistakes: readonly Mistake[] = [
  wipe,
  wipe,
  putOldBack,
  putOldBack,
  putOldBack,
  exchange,
  runBothCopies,
  runCopyAfterwards,
  startTwiceWhilePaused,
  addStray,
  replaceByStray,
  moveAway,
  exchangeAddresses,
  loseMost,
  loseOnlyLog,
  changeKind,
];
