/** `ferry preflight`: the network and host requirements, one row each. Changes nothing; needs no state, engine or root. */
import type { Command } from 'commander';
import { FerryError } from '../errors.ts';
import type { KnownSite } from '../install/index.ts';
import type { PreflightResult, RequirementRow, SiteFacts } from '../preflight/index.ts';
import { engineOf } from './engine.ts';
import { asFerryError } from './errno.ts';
import { CliError } from './error.ts';
import {
  findPrefix,
  pairs,
  repeated,
  type SiteOptions,
  stateOf,
  wholeNumber,
  withExamples,
  withJSON,
  withPrefix,
  withState,
} from './options.ts';
import { preflightLines } from './preflight-lines.ts';
import type { Session } from './session.ts';
import { BUILD_TIME, VERSION } from './version.ts';

interface PreflightOptions extends SiteOptions {
  readonly airGapped?: boolean;
  readonly at?: readonly string[];
  readonly ca?: string;
  readonly timeout?: number;
  readonly report?: string;
}

/** With the start of a process and its end, all is over in ten seconds. */
const TIMEOUT_SECONDS = 5;

/** Declares the command. */
export function addPreflight(program: Command, session: Session): void {
  const command = program
    .command('preflight')
    .summary('the network and host requirements, one row each')
    .description(
      'Asks each destination as its client would, at the same time, and says what being blocked means and what to do. The rows are those of MANIFEST; without one of the installed release; where neither has any, those of Atrium. Changes nothing. The status is 10 when a required row fails.',
    )
    .argument('[manifest]', 'a release manifest')
    .option('--air-gapped', 'an isolated site: outbound is expected closed, and the host itself is checked')
    .addOption(
      repeated(
        '--at <name=address>',
        "this site's own address of a row: smtp=mail.example:587, oidc=https://login.example/realm",
      ),
    )
    .option('--ca <file>', 'trust these certificate authorities as well (PEM)')
    .option('--timeout <seconds>', `the limit of one row (default ${TIMEOUT_SECONDS})`, wholeNumber)
    .option('--report <file>', 'write a page that prints (HTML)');
  withExamples(withJSON(withPrefix(withState(command))), [
    'preflight',
    'preflight manifests/atrium.yaml --at smtp=mail.example:587 --report preflight.html',
    'preflight --air-gapped --json',
  ]).action((manifest: string | undefined, options: PreflightOptions) => runCommand(session, manifest, options));
}

async function runCommand(session: Session, manifest: string | undefined, options: PreflightOptions): Promise<void> {
  const progress = await session.progress('nothing was changed: preflight only asks');
  const { findKnownSite } = await import('../install/index.ts');
  const { runPreflight } = await import('../preflight/index.ts');
  const known = await findKnownSite(stateOf(session, options));
  const source = await readRequirements(session, manifest, known);
  const own = addressesOf(options, known, source.requirements);
  const { site, warnings } = await siteFacts(session, options, { known, project: source.project });
  const authorities = await readAuthorities(session, options, known);
  const { length: count } = source.requirements;
  progress.phase(`asking for ${count} ${count === 1 ? 'requirement' : 'requirements'}`);
  const result = await runPreflight({
    requirements: source.requirements,
    images: source.images,
    addresses: own.addresses,
    airGapped: options.airGapped ?? false,
    site,
    context: {
      env: session.io.env,
      ...(authorities.pem !== undefined && { caPEM: authorities.pem }),
      timeoutMs: (options.timeout ?? TIMEOUT_SECONDS) * 1000,
      signal: session.io.signal,
      now: session.now,
    },
  });
  await finish(session, result, {
    of: source.of,
    report: options.report,
    warnings: [...known.warnings, ...own.warnings, ...warnings, ...authorities.warnings],
  });
}

interface Finish {
  readonly of: string;
  readonly report: string | undefined;
  readonly warnings: readonly string[];
}

async function finish(session: Session, result: PreflightResult, { of, report, warnings }: Finish): Promise<void> {
  const page = report === undefined ? undefined : session.path(report);
  if (page !== undefined) {
    const { preflightHTML } = await import('../report/index.ts');
    const { writeAtomic } = await import('../content/index.ts');
    await writeAtomic(page, preflightHTML({ ...result, of, made: session.now, version: VERSION }));
  }
  session.warn(warnings);
  const { rows, ...rest } = result;
  const exit = result.ok ? 0 : 10;
  session.finish({
    fields: { ...rest, of, rows, ...(page !== undefined && { report: page }), warnings, exit },
    lines: [...preflightLines(result), ...(page === undefined ? [] : [`the page is ${page}`])],
    exit,
  });
}

interface Source {
  readonly requirements: readonly RequirementRow[];
  /** References. */
  readonly images: readonly string[];
  readonly project: string | undefined;
  /** Whose rows these are, for people. */
  readonly of: string;
}

/** The rows of the manifest that is named, else of the installed release; Atrium's where there are none. */
async function readRequirements(session: Session, path: string | undefined, { release }: KnownSite): Promise<Source> {
  const { ATRIUM_REQUIREMENTS } = await import('../preflight/index.ts');
  if (path === undefined) {
    const own = release?.requirements;
    return {
      requirements: own ?? ATRIUM_REQUIREMENTS,
      images: release?.images.map(({ name }) => name) ?? [],
      project: release?.compose?.project,
      of: release && own ? `${release.product} ${release.release}` : 'Atrium',
    };
  }
  const { MAX_MANIFEST_TEXT, parseReleaseManifest } = await import('../manifest/index.ts');
  const { readFileBounded } = await import('../content/index.ts');
  const bytes = await readFileBounded(session.path(path), { max: MAX_MANIFEST_TEXT });
  const manifest = parseReleaseManifest(bytes.toString('utf8'), { path });
  return {
    requirements: manifest.requirements ?? ATRIUM_REQUIREMENTS,
    images: manifest.images.map(({ name }) => name),
    // a manifest that somebody hands over does not choose in whose containers a name is looked up
    project: release?.compose?.project ?? manifest.compose?.project,
    of: manifest.requirements ? `${manifest.product} ${manifest.release}` : 'Atrium',
  };
}

/** This site's own addresses: those of site.yaml, and before them those of the command line. */
function addressesOf(options: PreflightOptions, { policy }: KnownSite, requirements: readonly RequirementRow[]) {
  const given = pairs('--at', options.at);
  const names = new Set(requirements.flatMap(({ name, destination }) => [...(name ? [name] : []), destination]));
  for (const [name, address] of given) {
    if (!names.has(name)) throw unknownName(name, requirements);
    if (!/^\S+$/.test(address)) {
      throw new CliError(`--at ${name}: expected a host, host:port or a URL, got "${address}"`, { code: 'USAGE' });
    }
  }
  const site = Object.entries(policy?.preflight ?? {});
  const unknown = site.filter(([name]) => !names.has(name)).map(([name]) => name);
  return {
    addresses: new Map([...site, ...given]),
    warnings: unknown.map((name) => `site.yaml: preflight: no requirement has the name ${name}`),
  };
}

function unknownName(name: string, requirements: readonly RequirementRow[]): CliError {
  const names = requirements.flatMap((row) => (row.name && row.direction === 'outbound' ? [row.name] : []));
  const known = names.length === 0 ? 'the destination of a row' : names.join(', ');
  return new CliError(`--at ${name}: expected ${known}`, { code: 'USAGE' });
}

interface FactsOptions {
  readonly known: KnownSite;
  readonly project: string | undefined;
}

/** What install knows, as plain data; a part that cannot be read is a warning. */
async function siteFacts(
  session: Session,
  options: PreflightOptions,
  { known: { release, imageBytes, provenTime }, project }: FactsOptions,
): Promise<{ readonly site: SiteFacts; readonly warnings: readonly string[] }> {
  const { showLicense, showTLS } = await import('../install/index.ts');
  const warnings: string[] = [];
  const where = { stateDir: stateOf(session, options), prefix: findPrefix(session, options) };
  const clocks = { now: session.now, buildTime: BUILD_TIME };
  const license = options.airGapped
    ? await told(warnings, 'the licence', () => showLicense({ ...where, ...clocks }))
    : undefined;
  const certificate = await told(warnings, 'the certificate', () => showTLS({ ...where, ...clocks }));
  return {
    warnings,
    site: {
      isInstalled: release !== undefined,
      project,
      imageBytes,
      certificate,
      license: license?.digest === undefined && license?.problem === undefined ? undefined : license,
      wantsLicense: release === undefined ? undefined : release.license !== undefined,
      provenTime,
      buildTime: BUILD_TIME,
      stateDir: where.stateDir,
      connect: engineOf(session),
    },
  };
}

async function told<T>(warnings: string[], what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const known = error instanceof FerryError ? error : asFerryError(error);
    if (known === undefined) throw error;
    warnings.push(`${what} cannot be read: ${known.message}`);
    return undefined;
  }
}

/** The authorities that an option names, and those that site.yaml does. */
async function readAuthorities(session: Session, { ca }: PreflightOptions, { policy }: KnownSite) {
  const warnings: string[] = [];
  const given = ca === undefined ? undefined : await session.readText(ca, 'certificate authorities');
  const path = policy?.tls?.ca;
  const own =
    path === undefined
      ? undefined
      : await told(warnings, 'the certificate authorities of site.yaml', () => session.readText(path, 'them'));
  const pem = [given, own].filter((text) => text !== undefined).join('\n');
  return { pem: pem === '' ? undefined : pem, warnings };
}
