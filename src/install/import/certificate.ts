/**
 * The certificate of an import: judged beside all else, planned as two of its files, and put into use around the switch
 * of the files. What serves is told by what is installed here now, where the release that comes names somebody who does
 * not run yet.
 */

import { dirname } from 'node:path';
import type { ReleaseDocument } from '../../manifest/index.ts';
import type { SiteState } from '../../state/index.ts';
import type { FilePlan } from '../files/file-plan.ts';
import { hostPath } from '../files/host-path.ts';
import type { Installed } from '../kept/installed.ts';
import { grantedFolders } from '../policy.ts';
import { lineOrWarning } from '../records/import-log.ts';
import { type ReceiptCertificate, receiptFacts } from '../records/receipt.ts';
import type { Outcome } from '../steps/step.ts';
import { type CarriedTLS, takeCertificate, withCertificate } from '../tls/carried.ts';
import { judgeCarried } from '../tls/judge-carried.ts';
import { dropWaiting } from '../tls/pending.ts';
import { planServeByAny } from '../tls/serve-any.ts';
import type { ServePlan } from '../tls/serve-plan.ts';
import type { ImportedCertificate } from './result.ts';
import { prefixOf, type Session } from './session.ts';
import type { SiteFilesHere } from './site-files.ts';

/** What is known of a certificate once the files are planned. */
export interface CertificatePlan {
  readonly tls: CarriedTLS;
  readonly action: ImportedCertificate['action'];
  /** None where nothing changes. */
  readonly serve?: ServePlan;
}

export interface JudgeCertificateOptions {
  readonly product: string;
  /** The one that comes, or that is installed when an overlay comes. */
  readonly release: ReleaseDocument | undefined;
  /** What is installed here. */
  readonly installed: Pick<Installed, 'files'> | undefined;
  readonly here: SiteFilesHere;
}

/** The files of this site, those of the certificate among them. */
export interface CertificateHere {
  readonly here: SiteFilesHere;
  readonly tls: CarriedTLS | undefined;
  /** Where may be written. */
  readonly folders: readonly string[];
}

/** The files of this site with those of the certificate that they bring; what is wrong with it is one more finding. */
export async function judgeCertificate(
  session: Session,
  { product, release, installed, here }: JudgeCertificateOptions,
): Promise<CertificateHere> {
  const { options, policy, accepted, reader, findings } = session;
  const { allowShorter, allowFewerNames, keepLocal } = options;
  const { here: others, carried } = takeCertificate(here);
  const chosen = release?.tls?.dir === undefined ? installedDir(installed) : undefined;
  // where the operator had one installed, the next one may go
  const folders = [...grantedFolders(product, policy), ...(chosen === undefined ? [] : [chosen])];
  const about = {
    dir: release?.tls?.dir ?? chosen ?? `/etc/${product}/tls`,
    folders,
    names: release?.tls?.names ?? [],
    ...{ prefix: prefixOf(session), state: reader, policy, now: accepted.clock },
    ...{ allowShorter, allowFewerNames, keepLocal },
  };
  const tls = await findings.check(() => judgeCarried(carried, about));
  return { here: withCertificate(others, tls), tls, folders };
}

/** Where one was put by whoever knew a better place. */
function installedDir(installed: Pick<Installed, 'files'> | undefined): string | undefined {
  const chain = installed?.files.find(({ role, digest }) => role === 'chain' && digest !== null);
  return chain && dirname(chain.path);
}

export interface PlanCertificateOptions {
  readonly tls: CarriedTLS | undefined;
  readonly files: Pick<FilePlan, 'files'>;
  /** Whose containers may serve: the first that names some which run. */
  readonly releases: readonly (ReleaseDocument | undefined)[];
}

/** Who is to be told of a certificate that changes, and where it must be served. @throws as `planServe` */
export async function planCertificate(
  session: Session,
  { tls, files, releases }: PlanCertificateOptions,
): Promise<CertificatePlan | undefined> {
  if (tls === undefined) return undefined;
  const pair = files.files.filter(({ file }) => file.role === 'chain' || file.role === 'key');
  const actions = new Set(pair.map(({ action }) => action));
  const action = actions.has('installed') ? 'installed' : actions.has('kept') ? 'kept' : 'same';
  if (action !== 'installed') return { tls, action };
  const { engine, policy, options } = session;
  const { reload: reloadCommand, probe, probeTimeoutMs, signal } = options;
  const serve = await planServeByAny({
    ...{
      releases,
      engine,
      policy,
      dir: tls.dir,
      prefix: prefixOf(session),
      reloadCommand,
      probe,
      probeTimeoutMs,
      signal,
    },
    next: tls,
    before: { fingerprint: tls.current?.fingerprint },
  });
  return { tls, action, serve };
}

/** What is told of it, before and after. */
export function describeCertificate(
  session: Session,
  plan: CertificatePlan | undefined,
  outcome?: Pick<Outcome, 'serve'>,
): { readonly tls?: ImportedCertificate } {
  const facts = plan?.action === 'kept' ? plan.tls.current : plan?.tls;
  if (plan === undefined || facts === undefined) return {};
  const { names, notBefore, notAfter, issuer, fingerprint } = facts;
  const { reload, probe } = plan.serve ?? {};
  const planned = outcome === undefined && { ...(reload && { reload }), ...(probe && { probe }) };
  const dir = hostPath(prefixOf(session), plan.tls.dir);
  return {
    tls: { dir, action: plan.action, names, notBefore, notAfter, issuer, fingerprint, ...planned, ...outcome?.serve },
  };
}

/** What a receipt and a log tell of it; nothing where none was installed. */
export function receiptCertificate(plan: CertificatePlan | undefined): { readonly tls?: ReceiptCertificate } {
  if (plan?.action !== 'installed') return {};
  return { tls: receiptFacts(plan.tls) };
}

/** Lets go of a key that waited for the certificate, once that is installed. Answers what a person should know. */
export async function useUpKey(state: SiteState, plan: CertificatePlan | undefined): Promise<readonly string[]> {
  if (plan?.action !== 'installed' || !plan.tls.isWaitedFor) return [];
  return lineOrWarning(() => dropWaiting(state, plan.tls.spki));
}
