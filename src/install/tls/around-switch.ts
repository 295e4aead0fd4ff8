/** Where the steps that put a certificate into use stand among the others: `serve-old` before the switch, `serve` after. */

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
  return [...steps.slice(0, at), ...(first ?? []), ...steps.slice(at, at + 1), ...(last ?? []), ...steps.slice(at + 1)];
}
