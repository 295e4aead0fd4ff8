/** `ferry export`: pulls the images of a release manifest and writes them as one signed tar. */
import { type Command, Option } from 'commander';
import { spellOut } from '../errors.ts';
import type { ExportedSite, ExportResult, ShownCertificate, ShownLicense, SiteFilesResult } from '../export/index.ts';
import { CliError } from './error.ts';
import { alignColumns, formatBytes, formatUntil, shortDigest } from './format.ts';
import { type OfficeOptions, pairs, repeated, withJSON, withOffice, workspaceOf } from './options.ts';
import { passphraseFrom } from './passphrase.ts';
import type { Session } from './session.ts';
import { VERSION } from './version.ts';

interface ExportOptions extends OfficeOptions {
  readonly out: string;
  readonly site?: readonly string[];
  readonly fleet?: string;
  readonly onlySiteFiles?: boolean;
  readonly platform?: readonly string[];
  readonly mirror?: readonly string[];
  readonly plainHttp?: readonly string[];
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly revokeFormer?: boolean;
  readonly fresh?: boolean;
}

const EXAMPLES = `
Registry credentials come from ~/.docker/config.json (DOCKER_CONFIG), for ghcr.io also from GHCR_TOKEN or GITHUB_TOKEN.
A licence's token is in the variable that the manifest's tokenEnv names. HTTPS_PROXY and NO_PROXY are honoured. With
SOURCE_DATE_EPOCH two exports of the same content are the same bytes.

Examples:
  $ ferry export manifests/atrium.yaml --out /media/stick --workspace ./office
  $ ferry export atrium.yaml --out /media/stick --workspace ./office --site site.json
  $ ferry export atrium.yaml --out /media/stick --workspace ./office --fleet fleet.yaml --only-site-files
  $ ferry export atrium.yaml --out . --workspace ./office --mirror ghcr.io=127.0.0.1:5055
  $ ferry export atrium.yaml --out /srv/ferry --workspace ./office --passphrase-file ~/.ferry-pass --json`;

/** Declares the command. */
export function addExport(program: Command, session: Session): void {
  const command = program
    .command('export')
    .summary('pull a release and write it as one signed tar')
    .description(
      'Pulls the images that MANIFEST names and writes them, with its files, as one signed tar. Run again after an interruption it goes on where it was.',
    )
    .argument('<manifest>', 'the release manifest (YAML)')
    .requiredOption('--out <dir>', 'folder for the bundle')
    .addOption(
      repeated('--site <card>', 'an overlay for the site of this card, with its licence and certificate sealed for it'),
    )
    .option('--fleet <file>', 'the sites of a fleet.yaml, each with its licence and certificate')
    .addOption(onlySiteFiles())
    .addOption(repeated('--platform <os/arch>', "a platform to carry instead of the manifest's"))
    .addOption(repeated('--mirror <host=host[/prefix]>', 'fetch from another registry; names stay as they are'))
    .addOption(repeated('--plain-http <host>', 'speak plain HTTP with this host'))
    .option('--ca <file>', 'trust the certificates in FILE too (PEM)')
    .option('--cert <file>', 'certificate of this client (PEM)')
    .option('--key <file>', 'key of that certificate (PEM)')
    .option('--revoke-former', 'take the former content of this release off the catalogue')
    .option('--fresh', 'start over, with the tags as they are now');
  withJSON(withOffice(command))
    .addHelpText('after', EXAMPLES)
    .action((manifest: string, options: ExportOptions) => runExport(session, manifest, options));
}

/** Options about images and releases would say what is not done. */
function onlySiteFiles(): Option {
  const option = new Option(
    '--only-site-files',
    'licences and certificates alone: no image is pulled, no release written',
  );
  return option.conflicts(['platform', 'revokeFormer', 'fresh']);
}

async function runExport(session: Session, manifest: string, options: ExportOptions): Promise<void> {
  const workspace = workspaceOf(session, options);
  const certificate = await clientCertificate(session, options);
  const progress = await session.progress(
    `what was pulled is kept in ${workspace}: the same command goes on from there, --fresh starts over`,
  );
  const { exportRelease, exportSiteFiles } = await import('../export/index.ts');
  const wanted = {
    workspace,
    manifestPath: session.path(manifest),
    outDir: session.path(options.out),
    ...(options.site && { sites: options.site.map((card) => session.path(card)) }),
    ...(options.fleet !== undefined && { fleetPath: session.path(options.fleet) }),
    ...(options.platform && { platforms: options.platform }),
    mirrors: pairs('--mirror', options.mirror),
    plainHTTP: new Set(options.plainHttp),
    ...(options.ca !== undefined && { caPEM: await session.readText(options.ca, 'the certificates') }),
    ...(certificate && { clientCert: certificate }),
    revokeFormer: options.revokeFormer ?? false,
    fresh: options.fresh ?? false,
    passphrase: passphraseFrom(session, options.passphraseFile),
    ...(options.signerCmd !== undefined && { signerCommand: options.signerCmd }),
    ferryVersion: VERSION,
    env: session.io.env,
    progress,
    signal: session.io.signal,
    now: session.issued(),
    clock: session.now,
  };
  if (options.onlySiteFiles) {
    const done = await exportSiteFiles(wanted);
    session.warn(done.warnings);
    session.finish({ fields: { ...done }, lines: siteFilesLines(done, session.now) });
    return;
  }
  const done = await exportRelease(wanted);
  session.warn(done.warnings);
  session.finish({ fields: { ...done }, lines: exportLines(done, session.now) });
}

function exportLines(done: ExportResult, now: Date): string[] {
  const { action, release, sequence, bundle, bytes, downloaded, importableUntil, images, sites, license, certificate } =
    done;
  const unsealed = license && licenseText(license, now);
  return [
    `${action === 'written' ? 'exported' : 'nothing to do, present:'} ${release} (sequence ${sequence})`,
    ...alignColumns(
      images.map(({ name, digest, size }) => [formatBytes(size), name, shortDigest(digest)]),
      '  ',
    ),
    ...alignColumns([
      ['bundle', `${bundle} (${formatBytes(bytes)})`],
      ...(unsealed ? [['licence', unsealed]] : []),
      ...(certificate ? [['certificate', certificateText(certificate, now)]] : []),
      ...overlayRows(sites, now),
      ['downloaded', formatBytes(downloaded)],
      ['importable until', formatUntil(importableUntil, now)],
    ]),
  ];
}

function siteFilesLines({ action, catalogue, importableUntil, sites }: SiteFilesResult, now: Date): string[] {
  const count = `${sites.length} ${sites.length === 1 ? 'overlay' : 'overlays'}`;
  return [
    `${action === 'written' ? 'exported' : 'nothing to do, present:'} ${count} of catalogue ${catalogue}`,
    ...alignColumns([...overlayRows(sites, now), ['importable until', formatUntil(importableUntil, now)]]),
  ];
}

/** Each overlay with its site: of a whole fleet too, since each stick gets its own. */
function overlayRows(sites: readonly ExportedSite[], now: Date): string[][] {
  return sites.map(({ overlay, name, certificate, ...license }) => {
    const about = licenseText(license, now);
    const served = certificate && `certificate for ${certificateText(certificate, now)}`;
    const words = [overlay, name && spellOut(name), about && `licence ${about}`, served];
    return ['overlay', words.filter(Boolean).join('  ')];
  });
}

/** The first name stands for all. */
function certificateText({ names: [first = '', ...more], notAfter, sealed }: ShownCertificate, now: Date): string {
  const names = more.length === 0 ? spellOut(first) : `${spellOut(first)} and ${more.length} more`;
  return `${names} until ${formatUntil(notAfter, now)}${sealed ? ', with its key, sealed' : ''}`;
}

/** Nothing of a licence that only the product can read. */
function licenseText({ subject, validUntil }: ShownLicense, now: Date): string {
  const words = [subject && `of ${spellOut(subject)}`, validUntil && `until ${formatUntil(validUntil, now)}`];
  return words.filter(Boolean).join(' ');
}

async function clientCertificate(session: Session, { cert, key }: ExportOptions) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new CliError('--cert and --key: expected both, got one', { code: 'USAGE' });
  }
  return { certPEM: await session.readText(cert, 'the certificate'), keyPEM: await session.readText(key, 'the key') };
}
