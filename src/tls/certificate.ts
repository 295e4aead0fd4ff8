/** One certificate out of its bytes, read strictly: what is stored is what was looked at, to the last byte. */
import { createPublicKey, X509Certificate } from 'node:crypto';

/** The certificate that DER is; `undefined` when it is none, or has more behind it, or could be written in another way. */
export function findCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(der);
    // a key that cannot be read is found out here, not when somebody asks for it
    createPublicKey(certificate.publicKey.export({ type: 'spki', format: 'pem' }));
    return certificate.raw.equals(der) && hasDates(certificate) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Whether both of its dates are some: what compares with a date that is none finds nothing wrong. */
export function hasDates({ validFromDate, validToDate }: X509Certificate): boolean {
  return !Number.isNaN(validFromDate.getTime()) && !Number.isNaN(validToDate.getTime());
}

/** Each certificate once, in the order in which they come. */
export function eachOnce(certificates: readonly X509Certificate[]): X509Certificate[] {
  return [...new Map(certificates.map((one) => [one.fingerprint256, one])).values()];
}
