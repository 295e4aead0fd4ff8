/** All kinds of steps, by name: what the journal names, this knows how to make and undo. */

import { activateStep } from './activate.ts';
import { backupStep } from './backup.ts';
import { containersStep } from './containers.ts';
import { ferryStep } from './ferry.ts';
import { holdStep } from './hold.ts';
import { installedStep } from './installed.ts';
import { keepStep } from './keep.ts';
import { leaveStep } from './leave.ts';
import { loadStep } from './load.ts';
import { placeStep } from './place.ts';
import { recordStep } from './record.ts';
import { serveStep } from './serve.ts';
import { serveOldStep } from './serve-old.ts';
import { stageStep } from './stage.ts';
import type { Step, StepKind, StepKindName } from './step.ts';
import { switchStep } from './switch.ts';
import { tagsStep } from './tags.ts';

/** A kind whose data is known to whoever made the step. */
// biome-ignore lint/suspicious/noExplicitAny: the registry joins kinds of all shapes; makers pair each step with its own
export type AnyStepKind = StepKind<any>;

const KINDS: Readonly<Record<StepKindName, AnyStepKind>> = {
  leave: leaveStep,
  keep: keepStep,
  stage: stageStep,
  place: placeStep,
  hold: holdStep,
  load: loadStep,
  backup: backupStep,
  containers: containersStep,
  tags: tagsStep,
  'serve-old': serveOldStep,
  switch: switchStep,
  serve: serveStep,
  record: recordStep,
  installed: installedStep,
  activate: activateStep,
  ferry: ferryStep,
};

/** How a step is made and undone. */
export function kindOf({ kind }: Step): AnyStepKind {
  return KINDS[kind];
}
