/** All attacks of the swarm. */
import type { Attack } from '../attack.ts';
import { garbage, plainHttp, silence, slowHello } from './before-tls.ts';
import { expiredCertificate, foreignCertificate, withoutCertificate } from './handshakes.ts';
import { framesOfEmptyEntries, halfSentFrames, slowBodies } from './learner-bodies.ts';
import { madeUpAddresses, oddTexts } from './learner-handshakes.ts';
import { falseCommits, farTerms, forgedTimes, poisonedProposals } from './learner-messages.ts';
import { impostor, madeUpIds, removedMember, strangeHandshakes } from './outsiders.ts';
import { unwantedSnapshots } from './snapshots.ts';
import { webPage } from './web-page.ts';

export const attacks: readonly Attack[] = [
  silence,
  slowHello,
  plainHttp,
  garbage,
  withoutCertificate,
  foreignCertificate,
  expiredCertificate,
  impostor,
  madeUpIds,
  strangeHandshakes,
  removedMember,
  halfSentFrames,
  framesOfEmptyEntries,
  slowBodies,
  farTerms,
  forgedTimes,
  poisonedProposals,
  falseCommits,
  madeUpAddresses,
  oddTexts,
  unwantedSnapshots,
  webPage,
];
