/** `ferry site init, card`: who this site is, and what its office may know of it. */
import type { Command } from 'commander';
import type { NamedSite } from '../install/index.ts';
import type { SiteCard } from '../manifest/index.ts';
import { engineOf, typedCommand } from './engine.ts';
import { wordRows } from './fingerprint.ts';
import { alignColumns } from './format.ts';
import { findPrefix, type SiteOptions, stateOf, withExamples, withJSON, withPrefix, withState } from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

interface InitOptions extends SiteOptions {
  readonly name?: string;
}

interface CardOptions extends SiteOptions {
  readonly out: string;
}

/** Declares the commands. */
export function addSite(program: Command, session: Session): void {
  const site = program
    .command('site')
    .summary('who this site is, and its card for the office')
    .description(
      'A site has a key that signs, a key that opens what is sealed for it, and a name. Its card tells the office the public halves.',
    );
  withExamples(withJSON(withState(site.command('init'))), ['site init --name "plant 1"'])
    .description('Makes the identity of this site, or gives it another name.')
    .option('--name <name>', 'what people call it (default: as it is called, or like this host)')
    .action((options: InitOptions) => runInit(session, options));
  withExamples(withJSON(withPrefix(withState(site.command('card')))), ['site card --out /media/stick/site.json'])
    .description('Writes the card of this site: both public keys, what is installed, what the engine has.')
    .requiredOption('--out <file>', 'where to write it')
    .action((options: CardOptions) => runCard(session, options));
}

async function runInit(session: Session, options: InitOptions): Promise<void> {
  const { initSite } = await import('../install/index.ts');
  const done = await initSite({
    stateDir: stateOf(session, options),
    name: options.name,
    now: session.now,
    command: typedCommand(session),
    engine: engineOf(session),
    systemLog: session.io.systemLog,
  });
  const told = {
    made: 'this site has its identity now',
    completed: 'this site has an age identity and a name now, beside its signing key',
    renamed: `this site has another name now; before it was ${JSON.stringify(done.former)}`,
    same: 'nothing to do: this site has its identity',
  };
  session.finish({ fields: { ...done }, lines: [told[done.action], ...siteLines(done)] });
}

async function runCard(session: Session, { out, ...options }: CardOptions): Promise<void> {
  const { writeCard } = await import('../install/index.ts');
  const done = await writeCard({
    stateDir: stateOf(session, options),
    out: session.path(out),
    engine: engineOf(session),
    prefix: findPrefix(session, options),
    now: session.now,
    buildTime: BUILD_TIME,
    command: typedCommand(session),
  });
  session.warn(done.warnings);
  session.finish({
    fields: { ...done },
    lines: [`card of this site: ${done.path}`, ...siteLines(done)],
  });
}

const READ_OUT = 'The office asks for these words once, before it believes the card: read them out over the telephone.';

function siteLines({ site, name, fingerprint, words }: NamedSite): string[] {
  const rows = [['site', site], ['name', name], ['key', fingerprint], ...wordRows(words)];
  return [...alignColumns(rows), READ_OUT];
}

/** Shows a card before it is written onto the medium. */
export function showCard(session: Session, card: SiteCard, path: string): void {
  session.tell({
    event: { event: 'card', path, ...card },
    lines: [`ferry: the card of this site goes to ${path}:`, ...alignColumns(cardRows(card), '  ')],
  });
}

function cardRows({ site, name, engine, platform, holds, trust, license }: SiteCard): string[][] {
  const rows = [['site', `${name} (${site})`]];
  if (engine !== undefined)
    rows.push(['engine', `${engine.name} ${engine.version}, ${engine.store} store, ${platform ?? 'no platform'}`]);
  rows.push(['images', holds.length === 0 ? 'none' : holds.map((image) => image.name).join(', ')]);
  if (trust !== undefined)
    rows.push(['trusts', `root ${trust.root}, catalogue ${trust.catalogue}; installed: sequence ${trust.sequence}`]);
  if (license !== undefined) rows.push(['licence', `valid until ${license.validUntil.slice(0, 10)}`]);
  return rows;
}
