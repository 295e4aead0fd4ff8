/** Where the steps of serving stand: the order in which an import is made, and undone. */

import { expect, it } from 'vitest';
import type { Step, StepKindName } from '../../src/install/steps/step.ts';
import { aroundSwitch } from '../../src/install/tls/around-switch.ts';

const step = (kind: StepKindName): Step => ({ kind, name: kind, data: {} });
const serving = { before: step('serve-old'), after: step('serve') };
const order = (...kinds: StepKindName[]) => aroundSwitch(kinds.map(step), serving).map(({ kind }) => kind);

it('is told after the files are switched, and again when they are back', () => {
  expect(order('load', 'tags', 'switch', 'record')).toEqual(['load', 'tags', 'serve-old', 'switch', 'serve', 'record']);
});

it('looks on the way back when an activation has brought back the containers that serve', () => {
  const made = order('backup', 'containers', 'tags', 'switch', 'record', 'activate');
  expect(made).toEqual(['backup', 'serve-old', 'containers', 'tags', 'switch', 'serve', 'record', 'activate']);
});

it('is all that is done where no file changes', () => {
  expect(order()).toEqual(['serve-old', 'serve']);
});
