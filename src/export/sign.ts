/**
 * From what was resolved to what is signed: release.json, numbered by its content, and the catalogue that lists it. An
 * interrupted run's signed bytes are used again as long as they still say the truth.
 */
import { canonicalJSON } from '../content/index.ts';
import { indexJSON, manifestJSON } from '../layout/index.ts';
import type { ReleaseManifest } from '../manifest/index.ts';
import { contentDigest, parseReleaseDocument, releaseDocument, releaseName } from '../manifest/index.ts';
import type { Digest, ImageClosure } from '../oci/index.ts';
import { importableUntil } from '../trust/index.ts';
import type { ReleaseProposal, SiteProposal, Workspace } from '../workspace/index.ts';
import { listCatalogue, publish } from '../workspace/index.ts';
import type { MeasuredFiles } from './files.ts';
import type { SignedParts } from './journal.ts';
import type { SiteContent } from './site-content.ts';
import { proposalsOf } from './site-content.ts';

/** Everything that a release is made of, before it has a number. */
export interface Content {
  readonly manifest: ReleaseManifest;
  readonly images: readonly ImageClosure[];
  readonly measured: MeasuredFiles;
  /** Those in the bundle and those of overlays. */
  readonly sites: readonly SiteContent[];
}

/** What was signed, and what people should know. */
export interface Signed {
  readonly signed: SignedParts;
  readonly warnings: readonly string[];
}

/** Numbers and lists a release. @throws all that `publish` throws; {ManifestError} for a public key that is none */
export async function signContent(
  workspace: Workspace,
  content: Content,
  { revokeFormer }: { readonly revokeFormer: boolean },
): Promise<Signed> {
  const release = { ...proposalOf(content, workspace.options.now), revokeFormer };
  const sites = proposalsOf(content.manifest.product, content.sites);
  const published = await publish(workspace, { release, sites });
  if (published.release === undefined) throw new TypeError('expected a release to come back from a release');
  const { release: name, sequence, shown, bytes } = published.release;
  return {
    signed: { chain: published.chain, release: { release: name, sequence, shown, bytes }, sites: published.sites },
    warnings: published.warnings,
  };
}

/** Whether an interrupted run's signed bytes are of this content, listed still, and valid. */
export async function isStillTrue(workspace: Workspace, content: Content, signed: SignedParts): Promise<boolean> {
  const { now } = workspace.options;
  const { dated, product } = content.manifest;
  const known = contentDigest(parseReleaseDocument(signed.release.bytes), { dated });
  if (known !== proposalOf(content, now).content || importableUntil(signed.chain) <= now) return false;
  const listed = (await listCatalogue(workspace)).find(({ sequence }) => sequence === signed.release.sequence);
  return listed?.state === 'listed' && isSameSites(proposalsOf(product, content.sites), signed.sites);
}

function isSameSites(proposals: readonly SiteProposal[], sites: SignedParts['sites']): boolean {
  return (
    proposals.length === sites.length &&
    sites.every(({ site, bytes }) => {
      const { issued } = JSON.parse(Buffer.from(bytes).toString()) as { issued: string };
      const proposal = proposals.find((candidate) => candidate.site === site);
      return proposal !== undefined && Buffer.from(proposal.build(issued)).equals(bytes);
    })
  );
}

function proposalOf(
  { manifest, images, measured }: Content,
  now: Date,
): ReleaseProposal & { readonly content: Digest } {
  const documents = { index: indexJSON(images), manifestJSON: manifestJSON(images) };
  const document = (sequence: number, issued: Date) =>
    releaseDocument({ manifest, images, ...documents, files: measured.files, sequence, issued });
  return {
    release: (issued) => releaseName(manifest.release, issued),
    content: contentDigest(document(1, now), { dated: manifest.dated }),
    build: ({ sequence, issued }) => canonicalJSON(document(sequence, issued)),
  };
}
