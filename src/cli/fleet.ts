/** `ferry fleet add, list, csr`: the sites that this office knows, each compared once. */
import type { Command } from 'commander';
import { spellOut } from '../errors.ts';
import type { AddedSite, FleetSite } from '../workspace/index.ts';
import { wordRows } from './fingerprint.ts';
import { alignColumns } from './format.ts';
import {
  type OfficeOptions,
  type QuestionOptions,
  withExamples,
  withJSON,
  withWorkspace,
  withYes,
  workspaceOf,
} from './options.ts';
import type { Session } from './session.ts';

interface AddOptions extends OfficeOptions, QuestionOptions {
  readonly fingerprint?: string;
}

interface RequestOptions extends OfficeOptions {
  readonly out: string;
}

/** Declares the commands. */
export function addFleet(program: Command, session: Session): void {
  const fleet = program
    .command('fleet')
    .summary('the sites that this office knows')
    .description('A site is known by its card, whose fingerprint somebody compared with what the site has read out.');
  withExamples(withYes(withJSON(withWorkspace(fleet.command('add')))), [
    'fleet add atrium-4f2a91c07b3e55d1.site.json',
    'fleet add site.json --fingerprint "acid bonus cargo …"',
  ])
    .description('Pins the site of CARD, or takes a newer card of one that is pinned.')
    .argument('<card>', 'the card that the site wrote')
    .option('--fingerprint <hex|words>', 'compare with this instead of asking')
    .action((card: string, options: AddOptions) => runAdd(session, card, options));
  withExamples(withJSON(withWorkspace(fleet.command('list'))), ['fleet list'])
    .description('Lists the sites, and says which of them nobody has compared.')
    .action((options: OfficeOptions) => runList(session, options));
  withExamples(withJSON(withWorkspace(fleet.command('csr'))), ['fleet csr plant-north --out plant-north.csr'])
    .description('Writes the request for a certificate that the card of SITE holds, for whoever signs it.')
    .argument('<site>', 'its ID, or its name')
    .requiredOption('--out <file>', 'where to write it (PEM)')
    .action((site: string, options: RequestOptions) => runRequest(session, site, options));
}

async function runAdd(session: Session, path: string, options: AddOptions): Promise<void> {
  const { addToFleet } = await import('../workspace/index.ts');
  const { readFileBounded } = await import('../content/index.ts');
  const { MAX_ENVELOPE_BYTES } = await import('../trust/index.ts');
  const workspace = await openedWorkspace(session, options);
  const bytes = await readFileBounded(session.path(path), { max: MAX_ENVELOPE_BYTES });
  const { fingerprint, ...done } = await addToFleet(workspace, bytes, {
    fingerprint: options.fingerprint,
    ask: options.yes || session.io.ask === undefined ? undefined : () => askFingerprint(session),
    yes: options.yes,
  });
  if (!done.confirmed)
    session.warn([`nobody has compared ${JSON.stringify(done.name)}: \`ferry fleet list\` will say so`]);
  session.finish({
    fields: { ...done, ...(fingerprint && { fingerprint: fingerprint.hex, words: fingerprint.words }) },
    lines: [DONE[done.action], ...alignColumns(addedRows({ ...done, ...(fingerprint && { fingerprint }) }))],
  });
}

const DONE = {
  added: 'this site is known now',
  same: 'nothing to do: this card, or a newer one, is known',
  updated: 'what is known of this site is renewed',
} as const;

/** Asked before anything of it is shown: who compares must listen to the site, not read the screen. */
function askFingerprint(session: Session): Promise<string> {
  return session.ask('the 12 words or 64 digits that `ferry site card` printed at the site: ', {
    instead: 'give --fingerprint with the 64 digits or the 12 words in quotes',
  });
}

function addedRows({ site, name, fingerprint }: AddedSite): string[][] {
  const key = fingerprint === undefined ? [] : [['key', fingerprint.hex], ...wordRows(fingerprint.words)];
  return [['site', site], ['name', name], ...key];
}

async function runList(session: Session, options: OfficeOptions): Promise<void> {
  const { listFleet } = await import('../workspace/index.ts');
  const sites = await listFleet(await openedWorkspace(session, options));
  const open = sites.filter(({ confirmed }) => !confirmed);
  session.finish({
    fields: { sites },
    lines: [
      ...(sites.length === 0 ? ['no site is known: ferry fleet add CARD'] : alignColumns(sites.map(siteRow))),
      ...open.map(
        ({ site, name }) => `! ${name} (${site}): nobody has compared it: ferry fleet add CARD --fingerprint`,
      ),
    ],
  });
}

async function runRequest(session: Session, site: string, { out, ...options }: RequestOptions): Promise<void> {
  const { writeSiteRequest } = await import('../export/index.ts');
  const workspace = await openedWorkspace(session, options);
  const done = await writeSiteRequest(workspace, { site, out: session.path(out) });
  const { path, name, names, spki, issued, confirmed } = done;
  if (!confirmed)
    session.warn([`nobody has compared ${JSON.stringify(name)}: whoever made the card made the request too`]);
  const rows = [
    ['site', `${name} (${done.site})`],
    ['names', names.map((one) => spellOut(one)).join(', ')],
    ['key', spki],
    ['card', issued.slice(0, 10)],
  ];
  session.finish({ fields: { ...done }, lines: [`request for a certificate: ${path}`, ...alignColumns(rows)] });
}

function siteRow({ site, name, issued, sequence, licenseUntil, confirmed, certificate, csr }: FleetSite): string[] {
  return [
    site,
    name,
    confirmed ? 'compared' : 'not compared',
    `card of ${issued.slice(0, 10)}`,
    sequence ? `sequence ${sequence}` : 'nothing installed',
    licenseUntil === undefined ? '' : `licence until ${licenseUntil.slice(0, 10)}`,
    certificate === undefined ? '' : `certificate until ${certificate.notAfter.slice(0, 10)}`,
    csr === undefined ? '' : 'a request waits: ferry fleet csr',
  ];
}

async function openedWorkspace(session: Session, options: OfficeOptions) {
  const { openWorkspace } = await import('../workspace/index.ts');
  return openWorkspace(workspaceOf(session, options), { now: session.now });
}
