/**
 * A site of files alone: a prefix and a folder with bytes to install from. Each transaction and each recovery gets a new
 * `Site`, as a new process would make it; what they share is the data of the steps, as it went through JSON.
 */

import { createReadStream } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentProgress } from '../../src/content/index.ts';
import { FolderTree } from '../../src/install/files/folder.ts';
import { planSwitch, type SwitchData, type WantedFile } from '../../src/install/files/switch-plan.ts';
import { stageKind } from '../../src/install/steps/stage.ts';
import type { Site } from '../../src/install/steps/step.ts';
import { switchStep } from '../../src/install/steps/switch.ts';
import { DEFAULT_POLICY } from '../../src/manifest/index.ts';
import { digestOf } from '../../src/oci/index.ts';

/** Steps of a site without SELinux. */
export const stageStep = stageKind(async () => {});
export { switchStep };

export class SwitchLab {
  readonly dir: string;
  readonly prefix: string;
  readonly warnings: string[] = [];
  #sites: Site[] = [];

  private constructor(dir: string) {
    this.dir = dir;
    this.prefix = join(dir, 'prefix');
  }

  static async create(): Promise<SwitchLab> {
    const lab = new SwitchLab(await mkdtemp(join(tmpdir(), 'ferry-switch-')));
    await mkdir(lab.prefix);
    await mkdir(join(lab.dir, 'state'));
    return lab;
  }

  async remove(): Promise<void> {
    for (const { tree } of this.#sites) await tree.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Where transaction `id` is made, as a process sees it that knows no other. */
  site(id: string, more: Partial<Site> = {}): Site {
    const stored = (path: string) => createReadStream(join(this.dir, 'state', path));
    const site = {
      id,
      state: { dir: join(this.dir, 'state'), openStored: stored },
      engine: undefined,
      prefix: this.prefix,
      tree: new FolderTree(this.prefix),
      policy: DEFAULT_POLICY,
      now: new Date(0),
      signal: undefined,
      progress: silentProgress,
      medium: undefined,
      outcome: {},
      warn: (line: string) => this.warnings.push(line),
      ...more,
    } as unknown as Site;
    this.#sites.push(site);
    return site;
  }

  /** A file that is to stand at a path, with its bytes in the state; `null`: none is. */
  async want(path: string, text: string | null, more: Partial<WantedFile> = {}): Promise<WantedFile> {
    if (text === null) return { path, name: 'x', digest: null, size: 0, mode: 0, source: null, ...more };
    const bytes = Buffer.from(text);
    const digest = digestOf(bytes);
    const stored = digest.replace('sha256:', '');
    await writeFile(join(this.dir, 'state', stored), bytes);
    return { path, name: 'x', digest, size: bytes.length, mode: 0o640, source: { stored }, ...more };
  }

  /** What a transaction would change, as its journal would hold it. */
  async plan(wanted: readonly WantedFile[]): Promise<SwitchData> {
    const data = await planSwitch(wanted, this.site('000000000000').tree);
    if (data === undefined) throw new Error('expected something to change');
    return JSON.parse(JSON.stringify(data)) as SwitchData;
  }

  /** A whole transaction. */
  async install(id: string, ...wanted: readonly WantedFile[]): Promise<void> {
    const data = await this.plan(wanted);
    await stageStep.check?.(data, this.site(id));
    await stageStep.apply(data, this.site(id));
    await switchStep.apply(data, this.site(id));
    await this.settle(id, data);
  }

  async settle(id: string, data: SwitchData): Promise<void> {
    await switchStep.settle?.(data, this.site(id));
    await stageStep.settle?.(data, this.site(id));
  }

  async undo(id: string, data: SwitchData): Promise<void> {
    await switchStep.undo(data, this.site(id));
    await stageStep.undo(data, this.site(id));
  }

  /** Puts a plain file there, as an operator would. */
  async put(path: string, text: string): Promise<void> {
    await mkdir(dirname(this.at(path)), { recursive: true });
    await writeFile(this.at(path), text);
  }

  /** The same by another name that takes its place, as `sed -i` does it: a link is gone then. */
  async replace(path: string, text: string): Promise<void> {
    await writeFile(this.at(`${path}~`), text);
    await rename(this.at(`${path}~`), this.at(path));
  }

  at(path: string): string {
    return join(this.prefix, path);
  }

  text(path: string): Promise<string> {
    return readFile(this.at(path), 'utf8');
  }

  /** All that is there, to the inode. */
  async disk(): Promise<readonly string[]> {
    const names = await readdir(this.prefix, { recursive: true });
    return Promise.all(
      names.toSorted().map(async (name) => {
        const { mode, ino, uid, gid } = await lstat(this.at(name));
        const kind = (mode & 0o170000).toString(8);
        if (kind === '120000') return `${name} -> ${await readlink(this.at(name))}`;
        const own = `${name} ${mode.toString(8)} ${uid}:${gid}`;
        return kind === '40000' ? own : `${own} ${ino} ${await readFile(this.at(name), 'utf8')}`;
      }),
    );
  }

  /** What people and containers see, who care for names and not for links. */
  async shown(): Promise<Readonly<Record<string, string>>> {
    const shown: Record<string, string> = {};
    for (const name of (await readdir(this.prefix, { recursive: true })).toSorted()) {
      if (name.split('/').some((part) => part.startsWith('..'))) continue;
      const stats = await stat(this.at(name)).catch(() => undefined);
      if (stats?.isFile()) shown[`/${name}`] = await readFile(this.at(name), 'utf8');
    }
    return shown;
  }
}
