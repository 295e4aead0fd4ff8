/** Steps: all checks first, changes in order, undo in reverse. */

import { describe, expect, it } from 'vitest';
import { runSteps, type Step } from '../../src/install/step.ts';

const quiet = { onWarning: () => {} };

function recorder(): { log: string[]; step: (name: string, overrides?: Partial<Step>) => Step } {
  const log: string[] = [];
  const say = (line: string) => async () => {
    log.push(line);
  };
  return {
    log,
    step: (name, overrides = {}) => ({
      name,
      check: say(`check ${name}`),
      apply: say(`apply ${name}`),
      undo: say(`undo ${name}`),
      settle: say(`settle ${name}`),
      ...overrides,
    }),
  };
}

const fail = (why: string) => () => Promise.reject(new Error(why));

describe('runSteps', () => {
  it('checks all before the first change, and settles last', async () => {
    const { log, step } = recorder();
    await runSteps([step('a'), step('b')], quiet);
    expect(log).toEqual(['check a', 'check b', 'apply a', 'apply b', 'settle b', 'settle a']);
  });

  it('changes nothing when a check fails', async () => {
    const { log, step } = recorder();
    await expect(runSteps([step('a'), step('b', { check: fail('no room') })], quiet)).rejects.toThrow('no room');
    expect(log).toEqual(['check a']);
  });

  it('undoes in reverse, the step that failed included, and throws what it threw', async () => {
    const { log, step } = recorder();
    const steps = [step('a'), step('b', { apply: fail('broken') }), step('c')];
    await expect(runSteps(steps, quiet)).rejects.toThrow('broken');
    expect(log.slice(3)).toEqual(['apply a', 'undo b', 'undo a']);
  });

  it('goes on undoing when one undo fails, and names what is left and why it came to that', async () => {
    const { log, step } = recorder();
    const steps = [step('a'), step('b', { undo: fail('engine gone') }), step('c', { apply: fail('broken') })];
    await expect(runSteps(steps, quiet)).rejects.toMatchObject({
      code: 'UNDO_INCOMPLETE',
      message: 'broken; undo import: expected all as before, got stuck at b: engine gone',
      facts: { left: [{ step: 'b', why: 'engine gone' }] },
    });
    expect(log.slice(-2)).toEqual(['undo c', 'undo a']);
  });

  it('stops before the next step when it is interrupted', async () => {
    const { log, step } = recorder();
    const stop = new AbortController();
    const steps = [step('a', { apply: async () => stop.abort() }), step('b')];
    await expect(runSteps(steps, { ...quiet, signal: stop.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(log).toEqual(['check a', 'check b', 'undo a']);
  });

  it('counts as done what was done when the interruption came too late', async () => {
    const { log, step } = recorder();
    const stop = new AbortController();
    await runSteps([step('a', { apply: async () => stop.abort() })], { ...quiet, signal: stop.signal });
    expect(log).toEqual(['check a', 'settle a']);
  });

  it('warns of what could not be cleaned away, and is done all the same', async () => {
    const { step } = recorder();
    const lines: string[] = [];
    await runSteps([step('a', { settle: fail('busy') })], { onWarning: (line) => lines.push(line) });
    expect(lines).toEqual(['left behind after a: busy']);
  });
});
