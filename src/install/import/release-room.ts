/** The room that a release takes on this host: for its images, its files, what is kept for the way back, and ferry itself. */

import { keptFiles } from '../kept/installed.ts';
import type { ReleasePlan } from './planned-release.ts';
import { isDone } from './release-figures.ts';
import { fileNeeds, type Session } from './session.ts';
import { engineNeeds, lookAtSpace, type SpacePlace } from './space.ts';

/** What is needed where, and what is free there. */
export async function roomFor(
  session: Session,
  plan: Pick<ReleasePlan, 'release' | 'document' | 'current' | 'engine' | 'files' | 'ferry'>,
): Promise<{ readonly places: readonly SpacePlace[]; readonly warnings: readonly string[] }> {
  if (session.engine === undefined) return { places: [], warnings: [] };
  // a full disk is no reason to refuse what is there
  if (isDone(plan)) return lookAtSpace(plan.ferry.needs);
  const { release, engine, files, ferry } = plan;
  const { bundle, options } = session;
  const { facts } = session.engine;
  const { needs, warnings } = await engineNeeds(engine.plans, { bundle, facts, spoolDir: options.stateDir });
  const replaced = files.files.flatMap(({ action, found }) => (action === 'installed' && found ? [found] : []));
  const kept = [...keptFiles(release), ...replaced].reduce((total, { size }) => total + size, 0);
  const own = [...fileNeeds(session, files), { path: options.stateDir, bytes: kept, what: 'files' }];
  const looked = await lookAtSpace([...needs, ...own, ...ferry.needs]);
  return { places: looked.places, warnings: [...warnings, ...looked.warnings] };
}
