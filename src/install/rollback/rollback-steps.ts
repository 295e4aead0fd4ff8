/** A rollback as data: as an import's steps, with the state's own copies in the place of the medium. */

import { digestOf } from '../../oci/index.ts';
import { rootRoles } from '../../trust/index.ts';
import { OVERRIDE } from '../activation/compose.ts';
import { hostPath } from '../files/host-path.ts';
import { planSwitch, type WantedFile } from '../files/switch-plan.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { storedPart } from '../judge/stored-catalogue.ts';
import { type Installed, keptFiles, keptName, storedPath } from '../kept/installed.ts';
import {
  findOperator,
  type Override,
  type ReceiptFacts,
  type ReceiptFile,
  type ReceiptImage,
  receiptEngine,
  receiptFacts,
} from '../records/receipt.ts';
import { hold } from '../steps/hold.ts';
import { type KeptFile, keep } from '../steps/keep.ts';
import { leave } from '../steps/leave.ts';
import { record } from '../steps/record.ts';
import { stageFiles } from '../steps/stage.ts';
import { engineFor, type Site, type Step } from '../steps/step.ts';
import { switchFiles } from '../steps/switch.ts';
import { moveTags } from '../steps/tags.ts';
import { aroundSwitch } from '../tls/around-switch.ts';
import type { RollbackPlan } from './rollback-plan.ts';

export interface RollbackStepsOptions {
  readonly site: Site;
  readonly overrides: readonly Override[];
}

/** All steps of a rollback; looks at the site and changes nothing. */
export async function rollbackSteps(
  plan: RollbackPlan,
  { site, overrides }: RollbackStepsOptions,
): Promise<readonly Step[]> {
  const { from, target, leaving, installed } = plan;
  const { state } = site;
  const files = await planSwitch(wantedOf(installed), site.tree);
  const trust = await findSiteTrust(state);
  const common = { engine: engineFor(site), site: site.identity.site, lenders: [], holders: [] };
  const steps: readonly (Step | undefined)[] = [
    leave(leaving),
    // one goes back and one stays: nothing is let go
    keep({
      sequence: target.sequence,
      installed,
      files: await keptFilesOf(plan, site),
      releases: Number.MAX_SAFE_INTEGER,
    }),
    stageFiles(files),
    await hold({ ...common, sequence: from.sequence, present: imagesOf(leaving.after) }),
    await hold({ ...common, sequence: target.sequence, present: imagesOf(installed) }),
    moveTags(movesOf(plan)),
    switchFiles(files),
    record({
      sequence: target.sequence,
      current: from.sequence,
      isNew: false,
      floor: { before: trust?.floors.release ?? null, after: target.sequence === 0 ? null : target.sequence },
      receipt: await receiptOf(plan, { site, overrides }),
    }),
  ];
  const made = steps.filter((step) => step !== undefined);
  return aroundSwitch(made, plan.certificate?.serve ?? {});
}

function imagesOf({ tags }: Installed) {
  return tags.flatMap(({ imageID }) => imageID ?? []);
}

function movesOf({ standing, installed }: RollbackPlan) {
  return installed.tags.flatMap(({ name, imageID: to }) => {
    const from = standing.get(name) ?? null;
    return from === to ? [] : [{ name, to, from }];
  });
}

function wantedOf({ sequence, files }: Installed): readonly WantedFile[] {
  return files.map(({ from, ...file }) => {
    const stored = storedPath(sequence, { from, ...file });
    // what nobody had installed was a plain file, and is one again
    return { ...file, source: stored === undefined ? null : { stored }, isPlain: from === 'found' };
  });
}

/** All that is in the folder of the release that is back, but for what is written anew. */
async function keptFilesOf(
  { target, leaving, installed }: RollbackPlan,
  { state }: Site,
): Promise<readonly KeptFile[]> {
  const { sequence, document } = target;
  const stored = (name: string, from = sequence) => ({ name, source: { stored: `releases/${from}/${name}` } });
  const texts: KeptFile[] = [];
  for (const name of ['release.json', OVERRIDE]) {
    const bytes = await state.findReleaseFile(sequence, name);
    if (bytes !== undefined) texts.push({ ...stored(name), digest: digestOf(bytes), size: bytes.length });
  }
  const files = document === undefined ? [] : keptFiles(document);
  const own = files.map(({ name, digest, size }) => ({ ...stored(`files/${name}`), digest, size }));
  const others = new Map<string, KeptFile>();
  for (const { digest, size, from } of installed.files) {
    if (digest === null || from === 'release') continue;
    // what stays as it is was kept with the release that is left
    const holder = (await state.hasReleaseFile(sequence, keptName(digest))) ? sequence : leaving.sequence;
    others.set(digest, { ...stored(keptName(digest), holder), digest, size });
  }
  return [...texts, ...own, ...others.values()];
}

async function receiptOf(
  { from, target, installed, certificate }: RollbackPlan,
  { site, overrides }: RollbackStepsOptions,
): Promise<ReceiptFacts> {
  const trust = await findSiteTrust(site.state);
  return {
    product: target.product || from.product,
    release: target.release,
    sequence: target.sequence,
    result: 'rolled-back',
    started: site.now.toISOString(),
    engine: receiptEngine(engineFor(site).facts),
    images: imagesShown(installed),
    files: filesShown(installed, site.prefix),
    floors: {
      release: target.sequence,
      catalogue: trust?.chain === undefined ? 0 : storedPart(trust.chain.timestamp).version,
      root: trust === undefined ? 0 : rootRoles(trust.root).version,
    },
    overrides,
    previous: from.sequence,
    ...(certificate && { tls: receiptFacts(certificate.facts) }),
    operator: await findOperator(),
  };
}

/** Images as a receipt tells of them. */
export function imagesShown({ tags }: Installed): readonly ReceiptImage[] {
  return tags.flatMap(({ name, imageID }) => (imageID === null ? [] : [{ name, action: 'present' as const, imageID }]));
}

/** Files as a receipt tells of them. */
export function filesShown({ files }: Installed, prefix: string): readonly ReceiptFile[] {
  return files.flatMap(({ path, digest }) =>
    digest === null ? [] : [{ path: hostPath(prefix, path), action: 'installed' as const, digest }],
  );
}
