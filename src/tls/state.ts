/** How long a certificate lasts, and how urgent that is. Pure. */

/** Rising: from 30 days on somebody should know, from 14 it should be under way, from 3 it is the work of the day. */
export type CertificateLevel = 'ok' | 'soon' | 'urgent' | 'critical' | 'ended' | 'not-yet';

export interface CertificateState {
  /** Until its end, begun ones counted; 0 when it has ended. */
  readonly daysLeft: number;
  readonly level: CertificateLevel;
}

const DAY_MS = 86_400_000;

/** The state at `now`. The last second of a certificate is still valid (RFC 5280 §4.1.2.5). */
export function certificateState(
  { notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date },
  now: Date,
): CertificateState {
  const daysLeft = Math.max(0, Math.ceil((notAfter.getTime() - now.getTime()) / DAY_MS));
  return { daysLeft, level: now < notBefore ? 'not-yet' : levelOf(notAfter.getTime() - now.getTime()) };
}

function levelOf(leftMs: number): CertificateLevel {
  if (leftMs < 0) return 'ended';
  if (leftMs <= 3 * DAY_MS) return 'critical';
  if (leftMs <= 14 * DAY_MS) return 'urgent';
  return leftMs <= 30 * DAY_MS ? 'soon' : 'ok';
}
