/**
 * Where the steps that put a certificate into use stand among the others: `serve-old` before the switch, `serve` after.
 * With an activation `serve-old` stands before `containers`: on the way back whoever served is looked at when it runs again.
 */

import type { Step } from '../steps/step.ts';
import type { ServePlan } from './serve-plan.ts';

/** The steps with those of serving among them; without a switch they are all that is done. Pure. */
export function aroundSwitch(
  steps: readonly Step[],
  { before, after }: Pick<ServePlan, 'before' | 'after'>,
): readonly Step[] {
  const [first, last] = [before, after].map((step) => (step === undefined ? [] : [step]));
  const at = steps.findIndex(({ kind }) => kind === 'switch');
  if (at < 0) return [...(first ?? []), ...(last ?? []), ...steps];
  const containers = steps.findIndex(({ kind }) => kind === 'containers');
  const from = containers < 0 ? at : containers;
  const between = steps.slice(from, at + 1);
  return [...steps.slice(0, from), ...(first ?? []), ...between, ...(last ?? []), ...steps.slice(at + 1)];
}
