/** What is said about certificates that are good by themselves, in few lines. Pure. */
import type { SiteCertificate } from './site-certificates.ts';
import { listNames } from './site-warnings.ts';
import type { TargetSite } from './target-sites.ts';

/** What only the site can find wrong with a certificate that is good by itself, and what a person may have mistaken. */
export function certificateWarnings(found: ReadonlyMap<TargetSite, SiteCertificate>): readonly string[] {
  const those = (is: (certificate: SiteCertificate, site: TargetSite) => boolean) =>
    listNames([...found].filter(([site, certificate]) => is(certificate, site)).map(([site]) => site));
  const unknown = those(({ keyOf }) => keyOf === 'unknown');
  const present = those(({ keyOf }, { csr }) => keyOf === 'present' && csr !== undefined);
  const shorter = those(({ judged }) => judged.isShorter);
  const fewer = those(({ judged }) => judged.droppedNames.length > 0);
  const lines = [
    unknown &&
      `nobody could tell whether ${unknown} has the key of its certificate: the card names none (ferry tls request, ferry site card)`,
    present && `the certificate of ${present} is for the key in use there, and not for that of its request`,
    shorter && `the certificate of ${shorter} ends before the one in use there: import wants --allow-shorter`,
    fewer &&
      `the certificate of ${fewer} is for fewer names than the one in use there: import wants --allow-fewer-names`,
  ];
  return lines.filter((line) => line !== '');
}
