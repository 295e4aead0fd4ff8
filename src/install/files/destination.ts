/**
 * Which files a bundle installs at this site, and where: those of the release that name a place, and those of this site
 * or of any. Only under the folders that are granted (FORMAT §3, `policy.ts`). A site's own file wins over the one for any
 * site. Pure.
 */

import { destinationProblem, productFolders, type ReleaseDocument, type SiteFile } from '../../manifest/index.ts';
import type { Digest } from '../../oci/index.ts';
import { InstallError } from '../error.ts';
import { hostPath } from './host-path.ts';

/** A file that is to stand at a place. */
export interface InstallFile {
  /** As it is called in its signed document, of a sealed one without `.age`. */
  readonly name: string;
  /** Its entry in the tar. */
  readonly entry: string;
  /** Where it goes, absolute, without the prefix. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Of what is installed: of a sealed one, in the clear. */
  readonly digest: Digest;
  readonly size: number;
  /** Of a file of a site. */
  readonly role?: InstallRole;
}

/** What a file of a site is; `key` is the private key beside a `chain`, which no document names. */
export type InstallRole = SiteFile['role'] | 'key';

/** A certificate and its key are switched by one rename, so both must be links of ours. */
export function isOfPair(role: InstallRole | undefined): boolean {
  return role === 'chain' || role === 'key';
}

/** The files that a document for this site, or any, brings, in the clear. */
export interface OpenSiteFiles {
  readonly site: string;
  readonly files: readonly OpenSiteFile[];
}

/** One of them. */
export interface OpenSiteFile extends Pick<SiteFile, 'name' | 'digest' | 'size' | 'mode' | 'install'> {
  readonly entry: string;
  readonly role: InstallRole;
  /** Whether it came sealed for this site. */
  readonly isSealed?: boolean;
}

export interface InstallFilesOptions {
  readonly product: string;
  /** The release that is carried, or the one that is installed when an overlay comes. */
  readonly release?: ReleaseDocument | undefined;
  /** Whether the release's own files are in the bundle. */
  readonly hasReleaseFiles: boolean;
  /** Documents that apply here, `any` first. */
  readonly sites: readonly OpenSiteFiles[];
  /** Where it may write. @default the product's own folders */
  readonly folders?: readonly string[] | undefined;
  /** The state of this site and what stands before installed paths: nobody writes there but ferry. */
  readonly own?: { readonly stateDir: string; readonly prefix: string } | undefined;
}

/**
 * All files to install, in the order of their documents.
 * @throws {InstallError} `DESTINATION_FORBIDDEN` for a place outside, or two files for one.
 */
export function installFiles(options: InstallFilesOptions): readonly InstallFile[] {
  const { release } = options;
  const own = (options.hasReleaseFiles ? (release?.files ?? []) : []).flatMap((file) =>
    file.install === undefined ? [] : [fileOf(file, `files/${file.name}`, file.install)],
  );
  const files = [...own, ...siteFiles(options)];
  const folders = options.folders ?? productFolders(options.product);
  const seen = new Set<string>();
  for (const { name, path } of files) {
    const problem = seen.has(path)
      ? 'expected one file there, got two'
      : (destinationProblem(path, folders) ?? stateProblem(path, options));
    if (problem !== undefined) throw forbidden(name, path, problem);
    seen.add(path);
  }
  return files;
}

/** A product may be called ferry, and a folder that is granted may hold the state: rules and keys are in there. */
function stateProblem(path: string, { own }: InstallFilesOptions): string | undefined {
  if (own === undefined || !`${hostPath(own.prefix, path)}/`.startsWith(`${own.stateDir}/`)) return undefined;
  return 'expected a path outside of the state of this site';
}

/** Of two documents the later one has its way, by name and by place. */
function siteFiles({ sites, release }: InstallFilesOptions): readonly InstallFile[] {
  let files: readonly InstallFile[] = [];
  for (const document of sites) {
    const own = document.files.flatMap((file) => {
      const path = file.install ?? (file.role === 'license' ? release?.license?.install : undefined);
      return path === undefined ? [] : [{ ...fileOf(file, file.entry, path), role: file.role }];
    });
    const isLeft = ({ name, path }: InstallFile) => !own.some((file) => file.name === name || file.path === path);
    files = [...files.filter(isLeft), ...own];
  }
  return files;
}

function fileOf(
  file: { readonly name: string; readonly mode: string; readonly digest: Digest; readonly size: number },
  entry: string,
  path: string,
): InstallFile {
  const { name, digest, size } = file;
  return { name, entry, path, mode: Number.parseInt(file.mode, 8), digest, size };
}

function forbidden(name: string, path: string, problem: string): InstallError {
  return new InstallError(`install ${name}: ${JSON.stringify(path)}: ${problem}`, {
    code: 'DESTINATION_FORBIDDEN',
    facts: { name, path },
  });
}
