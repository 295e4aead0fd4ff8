/**
 * A host of files alone, to which a ferry comes: a prefix, and a medium that is one small program in memory. Each
 * transaction and each recovery gets a new `Site`, as a new process would make it.
 */

import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJSON } from '../../../src/content/index.ts';
import type { FerryChange } from '../../../src/install/executable/change.ts';
import { type FerryPlan, type PlanFerryOptions, planFerry } from '../../../src/install/executable/plan.ts';
import { ferryStep } from '../../../src/install/steps/ferry.ts';
import { placeKind } from '../../../src/install/steps/place.ts';
import type { Site } from '../../../src/install/steps/step.ts';
import type { ReleaseFile } from '../../../src/manifest/index.ts';
import { digestOf } from '../../../src/oci/index.ts';
import { SwitchLab } from '../switch-lab.ts';

export const MACHINE = { os: 'linux', architecture: 'amd64' };
export const ID = '0123456789ab';

/** A program that says a version, as `ferry --version` does; `more` makes another file of it. */
export function program(version: string, more = ''): string {
  return `#!/bin/sh\necho ${version}\n${more}`;
}

/** A place without SELinux, where a trial costs no process: what the program says is read from it. */
const placeStep = placeKind({
  label: async () => {},
  run: async ([path = '']) => {
    const stdout = /^echo (.*)$/m.exec(await readFile(path, 'utf8'))?.[1] ?? '';
    return { status: 0, stdout, output: stdout };
  },
});

export class PlaceLab {
  readonly host: SwitchLab;
  #text = '';

  private constructor(host: SwitchLab) {
    this.host = host;
  }

  static async create(): Promise<PlaceLab> {
    return new PlaceLab(await SwitchLab.create());
  }

  remove(): Promise<void> {
    return this.host.remove();
  }

  /** What a release with this executable would change, as its journal would hold it. */
  async plan(version: string, text = program(version), more: Partial<PlanFerryOptions> = {}): Promise<FerryPlan> {
    this.#text = text;
    const { prefix, dir } = this.host;
    const file = {
      ...{ name: 'ferry-linux-x64', mode: '0755', digest: digestOf(Buffer.from(text)), size: Buffer.byteLength(text) },
      ferry: { version, platform: 'linux/amd64' },
    } as ReleaseFile;
    const { tree } = this.site();
    const about = {
      files: [file],
      tree,
      prefix,
      machine: MACHINE,
      isWanted: true,
      unit: { state: join(dir, 'state') },
    };
    const { change, ...plan } = await planFerry({ ...about, ...more });
    // as a journal can hold it
    return { ...plan, ...(change && { change: JSON.parse(canonicalJSON(change).toString()) }) };
  }

  async change(version: string, text?: string, more?: Partial<PlanFerryOptions>): Promise<FerryChange> {
    const { change } = await this.plan(version, text, more);
    if (change === undefined) throw new Error('expected something to change');
    return change;
  }

  /** Where transaction `ID` is made, with the medium at hand. */
  site(more: Partial<Site> = {}): Site {
    const bytes = Buffer.from(this.#text);
    const bundle = {
      find: () => undefined,
      async *stream() {
        yield bytes.subarray(0, 5);
        yield bytes.subarray(5);
      },
    };
    return this.host.site(ID, { medium: { bundle } as unknown as Site['medium'], ...more } as Partial<Site>);
  }

  place(change: FerryChange): Promise<void> {
    return placeStep.apply(change, this.site());
  }

  link(change: FerryChange): Promise<void> {
    return ferryStep.apply(change, this.site());
  }

  async undo(change: FerryChange): Promise<void> {
    await ferryStep.undo(change, this.site());
    await placeStep.undo(change, this.site());
  }

  async settle(change: FerryChange): Promise<void> {
    await ferryStep.settle?.(change, this.site());
    await placeStep.settle?.(change, this.site());
  }

  /** A whole import, as far as it is about ferry. */
  async install(version: string, text?: string, more?: Partial<PlanFerryOptions>): Promise<void> {
    const { change } = await this.plan(version, text, more);
    if (change === undefined) return;
    await this.place(change);
    await this.link(change);
    await this.settle(change);
  }

  /** A link that somebody made. */
  async linkTo(target: string): Promise<void> {
    await this.host.put('/usr/bin/other', '');
    await symlink(target, this.host.at('/usr/bin/ferry'));
  }

  /** What `/usr/bin/ferry` says; nothing where there is none. */
  used(): Promise<string | undefined> {
    return this.host.text('/usr/bin/ferry').catch(() => undefined);
  }
}
