/**
 * The import of an overlay: the files of one site alone, a renewed licence or certificate. They go where the installed
 * release says, or where they say themselves. There is no new release, so no receipt: the audit log has the line.
 */

import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import { InstallError } from '../error.ts';
import { installFiles } from '../files/destination.ts';
import { type FilePlan, planFiles } from '../files/file-plan.ts';
import { editFindings } from '../files/local-edit.ts';
import { findInstalled } from '../kept/installed.ts';
import { proveMedium } from '../look/medium.ts';
import { aroundSwitch } from '../tls/around-switch.ts';
import { decisionsOf } from '../tls/carried.ts';
import { askToGoOn } from './ask.ts';
import {
  type CertificateHere,
  type CertificatePlan,
  describeCertificate,
  judgeCertificate,
  planCertificate,
  receiptCertificate,
  useUpKey,
} from './certificate.ts';
import { describePlan } from './dry-run.ts';
import { runImport } from './import-transaction.ts';
import { type JudgedLicenses, judgeLicenses } from './license-findings.ts';
import { overridesOf } from './overrides.ts';
import type { ImportResult } from './result.ts';
import { fileNeeds, importedFiles, ownOf, prefixOf, type Session } from './session.ts';
import { isHere, readSiteFiles, type SiteFilesHere } from './site-files.ts';
import { siteFileSteps } from './site-steps.ts';
import { lookAtSpace, spaceFindings } from './space.ts';

/** Imports the site files that a session's bundle carries. @throws as `importBundle`; {InstallError} `OVERLAY_FOREIGN` */
export async function importOverlay(session: Session): Promise<ImportResult> {
  const { bundle, accepted, known, identity, options, findings } = session;
  const { sites } = await proveMedium(bundle);
  refuseForeign(session, sites);
  const product = known.product ?? sites[0]?.siteFiles.product ?? '';
  const read = await readSiteFiles([{ bundle, accepted, sites }], { identity, product });
  const own = await certificateHere(session, product, read);
  const { here, tls } = own;
  const plan = await planOverlay(session, product, own);
  try {
    findings.add(...editFindings(plan.edits));
    const judged = await findings.check(() => judgeOverlayLicenses(session, { plan, product, ...here }));
    const certificate = await findings.check(async () =>
      planCertificate(session, { tls, files: plan, releases: [await findRelease(session)] }),
    );
    const room = await lookAtSpace(fileNeeds(session, plan));
    findings.add(...spaceFindings(room.places));
    findings.throwAny();
    const serving = certificate?.serve?.warnings ?? [];
    const said = [...here.warnings, ...plan.warnings, ...serving, ...room.warnings];
    const about = { plan, product, certificate };
    const planned = async (): Promise<ImportResult> => ({
      ...describe(session, about, said),
      ...describeCertificate(session, certificate),
      action: 'planned',
      plan: await describePlan(session, { files: plan, space: room.places, licenses: judged?.licenses }),
    });
    if (options.dryRun) return await planned(); // while the folders are open
    if (plan.files.some(({ action }) => action === 'installed')) await askToGoOn(session, planned);
    const isShorter = judged?.isShorter === true || tls?.isShorter === true;
    const done = await install(session, { ...about, isShorter, ...here });
    return {
      ...describe(session, about, [...said, ...(done?.warnings ?? [])]),
      ...describeCertificate(session, certificate, done?.outcome ?? {}),
      action: done === undefined ? 'present' : 'installed',
      ...(done?.outcome.recreate && { recreate: done.outcome.recreate }),
    };
  } finally {
    await plan.tree.close();
  }
}

/** The release that is installed here. */
async function findRelease({ reader }: Session): Promise<ReleaseDocument | undefined> {
  const current = await reader?.findCurrentRelease();
  return current && parseReleaseDocument(current.document);
}

/** The files of this site, with those of the certificate among them. */
async function certificateHere(session: Session, product: string, here: SiteFilesHere) {
  const { reader } = session;
  const release = await findRelease(session);
  const installed = await findInstalled(reader, (await reader?.findCurrentSequence()) ?? 0);
  return judgeCertificate(session, { product, release, installed, here });
}

/** Which files go where, by the installed release and by what stands there. */
async function planOverlay(
  session: Session,
  product: string,
  { here: { documents: sites }, tls, folders }: CertificateHere,
): Promise<FilePlan> {
  const { reader, options, findings } = session;
  const release = await findRelease(session);
  const wanted = installFiles({ product, release, hasReleaseFiles: false, sites, folders, own: ownOf(session) });
  // never as a first import: no rollback goes back over an overlay, so what it finds could not be brought back
  const last = (await findInstalled(reader, (await reader?.findCurrentSequence()) ?? 0)) ?? { files: [] };
  const onRefusal = (error: unknown) => findings.add(error);
  return planFiles(wanted, { prefix: prefixOf(session), folders, last, ...decisionsOf(options, tls), onRefusal });
}

function describe(
  session: Session,
  { plan, product }: Pick<PlannedOverlay, 'plan' | 'product'>,
  warnings: readonly string[],
): Omit<ImportResult, 'action'> {
  return {
    kind: 'overlay',
    product,
    images: [],
    files: importedFiles(session, plan),
    bytesRead: 0,
    bytesTotal: 0,
    ...(session.engine && { engine: session.engine.facts }),
    importableUntil: session.accepted.effective.expires,
    warnings: [...session.accepted.warnings, ...warnings],
  };
}

interface PlannedOverlay extends SiteFilesHere {
  readonly plan: FilePlan;
  readonly certificate?: CertificatePlan | undefined;
  readonly product: string;
}

async function judgeOverlayLicenses(
  session: Session,
  { plan, product, opened }: PlannedOverlay,
): Promise<JudgedLicenses> {
  const { identity, accepted, options } = session;
  const publicKey = (await findRelease(session))?.license?.publicKey;
  const { allowShorter } = options;
  return judgeLicenses(plan, { product, publicKey, identity, now: accepted.clock, allowShorter, opened });
}

/** Installs what is to be changed; `undefined` where that is nothing, or nothing may be. */
async function install(
  session: Session,
  { plan, product, certificate, isShorter, opened }: PlannedOverlay & { readonly isShorter: boolean },
) {
  const { state, options } = session;
  if (state === undefined) return undefined;
  const changes = await siteFileSteps(state, plan);
  const steps = changes && aroundSwitch(changes, certificate?.serve ?? {});
  // there is no receipt to say it, and what cannot be written down is not done
  const overrides = overridesOf(options, {
    isDowngrade: false,
    isShorter,
    hasFewerNames: certificate?.tls.hasFewerNames,
    files: plan,
  });
  for (const facts of overrides) await state.appendAudit({ event: 'override', at: options.now, facts: { ...facts } });
  if (steps === undefined) return undefined;
  const done = await runImport(session, {
    state,
    tree: plan.tree,
    steps,
    title: 'import the files of this site',
    product,
    line: { kind: 'overlay', action: 'installed', certificate: receiptCertificate(certificate).tls },
    plans: [],
    opened,
  });
  return { ...done, warnings: [...done.warnings, ...(await useUpKey(state, certificate))] };
}

/** One bundle serves every site, so others' files in it are nothing; an overlay is for one. */
function refuseForeign({ identity }: Session, sites: readonly { readonly site: string }[]): void {
  if (sites.some(({ site }) => isHere(site, identity))) return;
  const [theirs] = sites;
  const ours = identity === undefined ? 'a host that is no site yet' : `site ${identity.site}`;
  throw new InstallError(`import overlay: expected one for ${ours}, got one for site ${theirs?.site}`, {
    code: 'OVERLAY_FOREIGN',
    facts: { site: theirs?.site },
  });
}
