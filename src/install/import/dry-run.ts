/**
 * What an import would do, for whoever wants to know before: images, files with what changes in them, and room. Only
 * release files are compared, and only those that everybody on the host may read: what a dry run prints ends up in logs.
 */

import { readBounded } from '../../content/index.ts';
import type { License } from '../../license/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import type { FerryPlan } from '../executable/plan.ts';
import type { FilePlan, PlannedFile } from '../files/file-plan.ts';
import { hostPath } from '../files/host-path.ts';
import { readStanding } from '../files/standing.ts';
import { findInstalled, type Installed } from '../kept/installed.ts';
import { provenEntry } from '../look/medium.ts';
import { describePending, findPending } from '../transaction/journal.ts';
import type { TextDiff } from './diff.ts';
import type { EnginePlan } from './image-plan.ts';
import type { JudgedLicenses } from './license-findings.ts';
import type { FileChange, ImportPlan, ImportResult, PlannedImage } from './result.ts';
import { prefixOf, type Session } from './session.ts';
import type { SpacePlace } from './space.ts';

/** What an earlier command left unfinished: a dry run leaves it so, and says so. @throws as `findPending` */
export async function tellPending(
  reader: SiteStateReader | undefined,
): Promise<Pick<ImportResult, 'pending' | 'warnings'>> {
  const journal = await findPending(reader);
  if (journal === undefined) return { warnings: [] };
  const { title, started, direction } = journal;
  return { pending: { title, started, direction }, warnings: [describePending(journal)] };
}

export interface DescribePlanOptions {
  /** None of an overlay. */
  readonly engine?: EnginePlan;
  readonly files: Pick<FilePlan, 'files' | 'tree'>;
  readonly space: readonly SpacePlace[];
  /** None of an overlay. */
  readonly ferry?: Pick<FerryPlan, 'outcome'>;
  /** What the licences say that are to be installed, by path. */
  readonly licenses?: JudgedLicenses['licenses'] | undefined;
}

/** Tells a plan; reads the files that it compares. @throws {BundleError} `DAMAGED` */
export async function describePlan(
  session: Session,
  { engine, files: { files, tree }, space, ferry, licenses }: DescribePlanOptions,
): Promise<ImportPlan> {
  const { reader } = session;
  const last = await findInstalled(reader, await reader?.findCurrentSequence());
  const changes: FileChange[] = [];
  for (const planned of files) changes.push(await describeFile(session, planned, { tree, last, licenses }));
  const images = engine === undefined ? [] : plannedImages(engine);
  return { images, files: changes, space, ...(ferry?.outcome && { ferry: ferry.outcome }) };
}

function plannedImages({ plans, holders }: EnginePlan): readonly PlannedImage[] {
  return plans.map(({ image: { name }, imageID, action, bytes, tag }) => {
    const replaces = holders.get(name);
    const isMoved = replaces !== undefined && replaces !== imageID;
    const what = action === 'load' ? 'load' : tag ? 'retag' : 'present';
    return { name, action: what, imageID, bytes, ...(isMoved && { replaces }) };
  });
}

interface Standing {
  readonly tree: FilePlan['tree'];
  readonly last: Installed | undefined;
  readonly licenses?: JudgedLicenses['licenses'] | undefined;
}

async function describeFile(session: Session, planned: PlannedFile, standing: Standing): Promise<FileChange> {
  const { file, found, action } = planned;
  const path = hostPath(prefixOf(session), file.path);
  if (action !== 'installed') return { name: file.name, path, action };
  const isSameText = found?.digest === file.digest;
  return {
    name: file.name,
    path,
    action: found === undefined ? 'new' : 'changed',
    ...(found !== undefined && found.mode !== file.mode && { mode: { from: octal(found.mode), to: octal(file.mode) } }),
    ...licenseOf(standing.licenses?.get(file.path)),
    ...(!isSameText && (await compare(session, planned, { ...standing, path }))),
  };
}

function licenseOf(license: License | undefined): Pick<FileChange, 'license'> {
  if (license?.subject === undefined && license?.validUntil === undefined) return {};
  const { isProven, subject, validUntil } = license;
  return { license: { isProven, ...(subject !== undefined && { subject }), ...(validUntil && { validUntil }) } };
}

async function compare(
  { bundle }: Session,
  { file, found }: PlannedFile,
  { tree, last, path }: Standing & { readonly path: string },
): Promise<TextDiff | { readonly why: 'site' | 'private' }> {
  const former = last?.files.find((one) => one.path === file.path);
  if (file.entry !== `files/${file.name}` || former?.from === 'site') return { why: 'site' };
  if (!isForAll(file.mode) || (found !== undefined && !isForAll(found.mode))) return { why: 'private' };
  const { diffTexts, MAX_DIFF_BYTES } = await import('./diff.ts'); // not loaded by an import that compares nothing
  if (Math.max(file.size, found?.size ?? 0) > MAX_DIFF_BYTES) return { why: 'large' };
  const limits = { max: MAX_DIFF_BYTES, what: file.name };
  const after = await readBounded(provenEntry(bundle, file.entry, file), limits);
  const before = found && (await readBounded(readStanding(tree, file.path), limits));
  return diffTexts({ path, before, after });
}

/** What the host's other users may not read is not printed. */
function isForAll(mode: number): boolean {
  return (mode & 0o004) !== 0;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
