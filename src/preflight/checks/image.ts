/** The image that a registry is asked for. */
import { parseReference, type Reference } from '../../oci/index.ts';
import type { CheckTarget } from '../outcome.ts';

/** Host and port as references have them: 443 is not written. */
export function registryHost({ host, port }: CheckTarget): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 443 ? name : `${name}:${port}`;
}

/** The first of the release's images that is on this registry, or `undefined`. @throws {OciError} `REFERENCE_INVALID` */
export function imageOn(target: CheckTarget): Reference | undefined {
  const host = registryHost(target);
  return (target.images ?? []).map(parseReference).find(({ registry }) => registry === host);
}
