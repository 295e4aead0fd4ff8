/**
 * Where a release may write on a site (FORMAT §3): under `/etc/<product>`, `/opt/<product>` and `/var/lib/<product>`,
 * and in folders that the operator allowed there. Pure: it judges the text of a path. Symlinks, owners and package
 * managers are the site's to check when it writes.
 */

/** The folders that every site grants to a product. */
export function productFolders(product: string): readonly string[] {
  return [`/etc/${product}`, `/opt/${product}`, `/var/lib/${product}`];
}

/**
 * Why a path is no destination, in words that follow its name, or `undefined` when it is one.
 * @param path absolute, in plain form: no empty, `.` or `..` component, no control character, no end slash.
 * @param folders what is granted; a file lies strictly below one of them.
 */
export function destinationProblem(path: string, folders: readonly string[]): string | undefined {
  if (!path.startsWith('/')) return 'expected an absolute path';
  if (path.length > 1024) return 'expected at most 1024 characters';
  if (/[\p{Cc}\\]/u.test(path)) return 'expected no backslash and no control character';
  if (path.slice(1).split('/').some(isOddComponent))
    return 'expected a path without components that are empty, "." or begin with ".."';
  if (!folders.some((folder) => path.startsWith(`${folder}/`))) return `expected a path under ${folders.join(' or ')}`;
  return undefined;
}

/** What begins with two dots is how a site keeps versions of files beside each other. */
function isOddComponent(component: string): boolean {
  return component === '' || component === '.' || component.startsWith('..') || Buffer.byteLength(component) > 255;
}
