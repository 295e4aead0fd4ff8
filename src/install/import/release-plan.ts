/**
 * Before the first change of a release's import: may it be installed, is the tar what it says, what is missing here, is
 * there room. All that it can be refused for is found here and told at once (`preflight.ts`). FORMAT §2, §3.
 */

import type { BundleContents } from '../../bundle/index.ts';
import { readBounded } from '../../content/index.ts';
import { engineImage } from '../../docker/index.ts';
import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import type { StoredRelease } from '../../state/index.ts';
import { type AcceptedRelease, acceptRelease } from '../../trust/index.ts';
import type { ActivationSteps } from '../activation/activation.ts';
import { composeOverride } from '../activation/compose.ts';
import { planReleaseActivation } from '../activation/release-activation.ts';
import { installFiles } from '../files/destination.ts';
import { type FilePlan, planFiles } from '../files/file-plan.ts';
import { editFindings } from '../files/local-edit.ts';
import { findInstalled } from '../kept/installed.ts';
import { proveMedium, provenEntry } from '../look/medium.ts';
import { decisionsOf } from '../tls/carried.ts';
import { type CertificateHere, type CertificatePlan, judgeCertificate, planCertificate } from './certificate.ts';
import { planReleaseFerry } from './ferry.ts';
import { type EnginePlan, knownImages, planImages } from './image-plan.ts';
import { leftLines } from './left-files.ts';
import { type JudgedLicenses, judgeLicenses } from './license-findings.ts';
import type { ReleasePlan } from './planned-release.ts';
import { roomFor } from './release-room.ts';
import { ownOf, prefixOf, type ReleaseSession, type Session } from './session.ts';
import { readSiteFiles, type SiteFilesHere } from './site-files.ts';
import { spaceFindings } from './space.ts';
import { judgeUpgrade } from './upgrade.ts';

const MAX_COMPOSE_BYTES = 1024 * 1024;

/** What is known of a release once its bundle is proven; the rest of the plan is looked at on this host. */
interface Carried {
  readonly document: Buffer;
  readonly listed: AcceptedRelease;
  readonly release: ReleaseDocument;
  readonly contents: BundleContents;
  readonly current: StoredRelease | undefined;
}

/**
 * Plans the import of a release. Whoever plans closes the tree of the plan's files.
 * @throws {FerryError} what stands in the way: the one finding, or `PREFLIGHT_FAILED` with all of them.
 */
export async function planRelease(session: Session): Promise<ReleasePlan> {
  const { findings, accepted } = session;
  const carried = await openRelease(session);
  const upgrade = await findings.check(() => judgeUpgrade(carried));
  const engine = await planEngine(session, carried);
  const read = await findings.check(() => readSites(session, carried));
  const own = read && (await certificateHere(session, carried, read));
  const sites = own?.here;
  const files = own && (await findings.check(() => planReleaseFiles(session, carried, own)));
  try {
    findings.add(...editFindings(files?.edits ?? []));
    const judged =
      files && sites && (await findings.check(() => judgeSiteLicenses(session, carried, { ...sites, files })));
    const certificate = own && files && (await findings.check(() => planServing(session, carried, { ...own, files })));
    const ferry = files && (await findings.check(() => planReleaseFerry(session, carried.release, files.tree)));
    const room = files && engine && ferry && (await roomFor(session, { ...carried, ...engine, files, ferry }));
    findings.add(...spaceFindings(room?.places ?? []));
    const activation = files && engine && (await activationOf(session, { ...carried, ...engine, files }));
    findings.throwAny();
    if (!engine || !files || !sites || !judged || !ferry || !room)
      throw new TypeError('expected a finding for each part that is not planned');
    const warnings = [accepted, sites, files, ferry, room].flatMap((part) => part.warnings);
    const space = room.places;
    const { opened } = sites;
    const overlay = sites.taken.find((path) => path === session.overlay?.bundle.path);
    const isShorter = judged.isShorter || own?.tls?.isShorter === true;
    const parts = { files, opened, overlay, ferry, ...judged, isShorter, certificate, space, activation };
    const serving = certificate?.serve?.warnings ?? [];
    return { ...carried, ...engine, ...parts, warnings: [...warnings, ...serving, ...(upgrade ?? [])] };
  } catch (error) {
    await files?.tree.close();
    throw error;
  }
}

/** What all the rest needs: that the release may be here at all, and that its bundle is whole. */
async function openRelease(session: Session): Promise<Carried> {
  const { bundle, findings, reader } = session;
  const document = bundle.releaseBytes;
  if (document === undefined) throw new TypeError('expected a bundle with a release');
  const listed = await findings.need(() => acceptAny(session, document));
  const release = await findings.need(() => parseReleaseDocument(document));
  const contents = await findings.need(() => proveMedium(bundle, release));
  return { document, listed, release, contents, current: await reader?.findCurrentRelease() };
}

/** That it is a step back is one finding among others: the rest is looked at all the same. */
async function acceptAny(
  { accepted, known: { product, releases }, options, findings }: Session,
  document: Buffer,
): Promise<AcceptedRelease> {
  const accept = (allowDowngrade: boolean) =>
    acceptRelease(accepted, document, {
      allowDowngrade,
      known: releases,
      ...(product !== undefined && { product }),
    });
  const listed = accept(true);
  if (listed.isDowngrade && !options.allowDowngrade) await findings.check(() => accept(false));
  return listed;
}

/** Nothing where no engine answers: that is found already. */
async function planEngine(
  session: Session,
  { contents, release, current }: Carried,
): Promise<Pick<ReleasePlan, 'engine' | 'override'> | undefined> {
  const { engine: asked, findings } = session;
  if (asked === undefined) return undefined;
  return findings.check(async () => {
    const images = contents.images.map((image) => engineImage(image, asked.facts));
    const installed = current === undefined ? [] : knownImages(parseReleaseDocument(current.document));
    const engine = await planImages(asked, images, [...knownImages(release), ...installed]);
    return { engine, override: await overrideOf({ ...session, engine: asked }, release, engine) };
  });
}

/** The files of this site: those that came with the release, and those of the overlay beside it. */
async function readSites(
  { bundle, overlay, accepted, identity }: Session,
  { contents, release: { product } }: Carried,
): Promise<SiteFilesHere> {
  const sources = [{ bundle, accepted, sites: contents.sites }];
  if (overlay !== undefined) sources.push({ ...overlay, sites: (await proveMedium(overlay.bundle)).sites });
  return readSiteFiles(sources, { identity, product });
}

function judgeSiteLicenses(
  { accepted, identity, options }: Session,
  { release: { product, license } }: Carried,
  { files, opened }: Pick<SiteFilesHere, 'opened'> & { readonly files: FilePlan },
): Promise<JudgedLicenses> {
  const { allowShorter } = options;
  const rules = { product, publicKey: license?.publicKey, identity, now: accepted.clock, allowShorter };
  return judgeLicenses(files, { ...rules, opened });
}

/** The certificate that came for this site is proven as all is that comes; nothing of it is changed here. */
async function certificateHere(
  session: Session,
  { release, current }: Carried,
  here: SiteFilesHere,
): Promise<CertificateHere> {
  const installed = await findInstalled(session.reader, current?.sequence);
  return judgeCertificate(session, { product: release.product, release, installed, here });
}

function planServing(
  session: Session,
  { release, current }: Carried,
  { tls, files }: Pick<CertificateHere, 'tls'> & { readonly files: FilePlan },
): Promise<CertificatePlan | undefined> {
  const running = current && parseReleaseDocument(current.document);
  return planCertificate(session, { tls, files, releases: running === undefined ? [release] : [release, running] });
}

async function planReleaseFiles(
  session: Session,
  { release, current }: Carried,
  { here: { documents: sites }, tls, folders }: CertificateHere,
): Promise<FilePlan> {
  const { reader, options, findings } = session;
  const onRefusal = (error: unknown) => findings.add(error);
  // where what was here before ferry is back, this is a first import again
  const last = await findInstalled(reader, current?.sequence);
  const own = ownOf(session);
  const wanted = installFiles({ product: release.product, release, hasReleaseFiles: true, sites, folders, own });
  const about = { prefix: prefixOf(session), folders, last, ...decisionsOf(options, tls), onRefusal };
  const plan = await planFiles(wanted, about);
  try {
    return { ...plan, warnings: [...plan.warnings, ...(await leftLines(plan, { release, current, last }))] };
  } catch (error) {
    await plan.tree.close();
    throw error;
  }
}

/** How the release is run, where that was asked for and nothing stands in the way. */
async function activationOf(
  { engine, ...session }: Session,
  plan: Pick<ReleasePlan, 'release' | 'current' | 'files' | 'override'>,
): Promise<ActivationSteps | undefined> {
  if (!session.options.activate || engine === undefined) return undefined;
  const about = { ...session, engine };
  return session.findings.check(async () =>
    planReleaseActivation(about, { ...plan, compose: await findCompose(about, plan.release) }),
  );
}

/** The bytes of the release's compose file, proven. */
async function findCompose({ bundle }: ReleaseSession, release: ReleaseDocument): Promise<Buffer | undefined> {
  const file = release.files.find(({ name }) => name === release.compose?.file);
  if (file === undefined) return undefined;
  const source = provenEntry(bundle, `files/${file.name}`, file);
  return readBounded(source, { max: MAX_COMPOSE_BYTES, what: file.name });
}

async function overrideOf(
  session: ReleaseSession,
  release: ReleaseDocument,
  { plans }: EnginePlan,
): Promise<string | undefined> {
  const bytes = await findCompose(session, release);
  if (bytes === undefined) return undefined;
  const imageIDs = new Map(plans.map(({ image, imageID }) => [image.name, imageID]));
  return composeOverride(bytes, { release, facts: session.engine.facts, imageIDs });
}
