/** A path of a release as it is on this host: with what stands before every installed path. */
export function hostPath(prefix: string, path: string): string {
  return prefix === '/' ? path : `${prefix.replace(/\/+$/, '')}${path}`;
}
