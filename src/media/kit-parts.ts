/** What a kit is made of, read and judged before anything on the medium is touched. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Choice, chooseTars } from './choose.ts';
import { type Executable, executablesOf } from './executables.ts';
import { type Judged, type JudgeOptions, judgeTars } from './judge.ts';
import { type Lying, readGiven, readLying } from './lying.ts';
import { type Tar, tarName } from './tars.ts';

/** What pages say of a kit. No digest and no fingerprint: those must come another way than the medium. */
export interface KitFacts {
  readonly product: string;
  readonly release?: {
    readonly release: string;
    readonly sequence: number;
    /** Name of the tar. */
    readonly bundle: string;
    readonly images: number;
    /** Whether it says how to run it. */
    readonly canActivate: boolean;
  };
  readonly overlays: readonly { readonly name: string; readonly site: string }[];
  /** Name of the tar. */
  readonly catalogue?: string;
  readonly executables: readonly Pick<Executable, 'name' | 'version' | 'platform'>[];
  readonly importableUntil: Date;
}

/** A page for people, whose text somebody else makes. */
export interface KitPage {
  readonly name: string;
  readonly text: string;
  /** Stands within the first 4 KiB of every such page, and so tells a former kit's. */
  readonly marker: string;
}

export interface KitParts {
  readonly choice: Choice;
  readonly judged: Judged;
  readonly executables: readonly Executable[];
  readonly facts: KitFacts;
  /** Names in the medium's folder that go to `older/`. */
  readonly former: readonly string[];
  /** Those of the chosen that lie on the medium. */
  readonly lying: ReadonlySet<Tar>;
  readonly warnings: readonly string[];
}

const NO_EXECUTABLE =
  'the release carries no executable of ferry (`ferry:` in the release manifest): the site must have one';

/** Reads, chooses, judges. @throws {MediaError}, {BundleError}, {TrustError}, {ManifestError} */
export async function kitParts(
  options: JudgeOptions & { readonly dir: string; readonly bundles?: readonly string[] | undefined },
): Promise<KitParts> {
  const { dir, bundles = [] } = options;
  const found = await readLying(dir);
  const given = await readGiven(bundles, dir, found);
  const broken = brokenOnes(found, given);
  const choice = chooseTars(given, found.tars);
  const { release, overlays, catalogue } = choice;
  const chosen = [release, ...overlays, catalogue].filter((tar) => tar !== undefined);
  const judged = judgeTars(chosen, options);
  const executables = release?.release === undefined ? [] : executablesOf(release.release);
  const lying = new Set(chosen.filter((tar) => found.tars.includes(tar)));
  const names = new Set(chosen.map((tar) => nameOf(tar, lying)));
  const former = [...choice.former.map(({ path }) => basename(path)), ...broken].filter((name) => !names.has(name));
  return {
    choice,
    judged,
    executables,
    facts: factsOf({ choice, judged, executables, lying }),
    former,
    lying,
    warnings: [
      ...choice.warnings,
      ...broken.map((name) => `${join(dir, name)} is damaged, and goes to older/`),
      ...judged.superseded.map((tar) => `${nameOf(tar, lying)} is taken back by a newer catalogue: its site skips it`),
      ...(release !== undefined && executables.length === 0 ? [NO_EXECUTABLE] : []),
      ...(await strays(dir, executables)),
    ],
  };
}

/** Executables of a former kit that this one does not have: whose they are is not sure enough to move them. */
async function strays(dir: string, executables: readonly Executable[]): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => /^ferry-(?:linux|win)-[a-z0-9-]+(?:\.exe)?$/.test(name));
  return names
    .filter((name) => executables.every((executable) => executable.name !== name))
    .map((name) => `${name} is not of this release: it stays, and SHA256SUMS does not cover it`);
}

/** Under which name a tar lies on the medium: that of the format, but one that lies there keeps what it has. */
export function nameOf(tar: Tar, lying: ReadonlySet<Tar>): string {
  return lying.has(tar) ? basename(tar.path) : tarName(tar);
}

/** A tar that is damaged may be the very one that is meant, unless a release was named. */
function brokenOnes({ broken }: Lying, given: readonly Tar[]): string[] {
  const release = given.find(({ kind }) => kind === 'release');
  return broken.map(({ name, error }) => {
    if (release === undefined || !name.startsWith(`${release.product}-`)) throw error;
    return name;
  });
}

function factsOf({
  choice: { release, overlays, catalogue },
  judged,
  executables,
  lying,
}: Pick<KitParts, 'choice' | 'judged' | 'executables' | 'lying'>): KitFacts {
  const document = release?.release;
  const [some] = [release, ...overlays, catalogue].filter((tar) => tar !== undefined);
  return {
    product: (some as Tar).product,
    ...(release &&
      document && {
        release: {
          release: document.release,
          sequence: document.sequence,
          bundle: nameOf(release, lying),
          images: document.images.length,
          canActivate: document.compose !== undefined,
        },
      }),
    overlays: overlays.map((tar) => ({ name: nameOf(tar, lying), site: tar.site as string })),
    ...(catalogue && { catalogue: nameOf(catalogue, lying) }),
    executables: executables.map(({ name, version, platform }) => ({ name, version, platform })),
    importableUntil: judged.importableUntil,
  };
}
