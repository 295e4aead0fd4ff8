/**
 * `ferry fleet csr`: the request for a certificate out of a site's card, as a file for whoever signs certificates. The key
 * stays at the site; what comes back travels with `tls.chain`.
 */
import { findFileBounded, writeAtomic, writeNew } from '../content/index.ts';
import { formatPEM, isRequest, MAX_TLS_BYTES, readRequest } from '../tls/index.ts';
import { findInFleet, listFleet, siteUnknown, type Workspace } from '../workspace/index.ts';
import { ExportError } from './error.ts';

/** What was written, and what it asks for. */
export interface WrittenRequest {
  readonly site: string;
  readonly name: string;
  readonly path: string;
  /** For which a certificate is asked: DNS names and IP addresses. */
  readonly names: readonly string[];
  /** SHA-256 of the key that it is for, 64 hex digits. */
  readonly spki: string;
  /** When the card was made, ISO 8601. */
  readonly issued: string;
  /** Whether somebody compared the card's fingerprint. */
  readonly confirmed: boolean;
}

/**
 * Writes the request of a site, PKCS#10 in PEM, in the place of an earlier request or where nothing is.
 * @param site its ID or its name
 * @throws {WorkspaceError} `SITE_UNKNOWN`, `SITE_AMBIGUOUS`; {ExportError} `TLS_NO_REQUEST`; {TLSError} `TLS_UNREADABLE`;
 *   {ContentError} `NAME_TAKEN`, `NOT_WRITABLE`
 */
export async function writeSiteRequest(
  workspace: Workspace,
  { site: wanted, out }: { readonly site: string; readonly out: string },
): Promise<WrittenRequest> {
  const found = findInFleet(await listFleet(workspace), wanted);
  if (found === undefined) throw siteUnknown(JSON.stringify(wanted));
  const { site, name, csr, issued, confirmed } = found;
  if (csr === undefined) {
    throw new ExportError(
      `write the request of ${JSON.stringify(name)}: expected one in its card, of ${issued.slice(0, 10)}, got none`,
      { code: 'TLS_NO_REQUEST', facts: { site, name } },
    );
  }
  const request = Buffer.from(csr, 'base64');
  const { names, spki } = await readRequest(request, `the request of ${JSON.stringify(name)}`);
  const pem = Buffer.from(formatPEM('CERTIFICATE REQUEST', request));
  const former = await findFileBounded(out, { max: MAX_TLS_BYTES });
  if (former !== undefined && (await isRequest(former))) await writeAtomic(out, pem);
  else await writeNew(out, pem);
  return { site, name, path: out, names, spki, issued, confirmed };
}
