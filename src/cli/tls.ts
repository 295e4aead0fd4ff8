/** `ferry tls`: the certificate of this site: asked for, installed, looked at. Its key is never shown. */
import type { Command } from 'commander';
import type { RequestTLSResult } from '../install/index.ts';
import { engineOf, typedCommand } from './engine.ts';
import { alignColumns } from './format.ts';
import {
  findPrefix,
  overrideReason,
  prefixOf,
  type QuestionOptions,
  repeated,
  type SiteOptions,
  stateOf,
  withExamples,
  withJSON,
  withPrefix,
  withReason,
  withState,
} from './options.ts';
import { probeOf, type ServingOptions, servingOf, withServing } from './serving.ts';
import type { Session } from './session.ts';
import { installedLines, tlsLines } from './tls-lines.ts';
import { BUILD_TIME } from './version.ts';

interface InstallOptions extends SiteOptions, QuestionOptions, ServingOptions {
  readonly cert: string;
  readonly key?: string;
  readonly ca?: string;
  readonly name?: readonly string[];
  readonly dir?: string;
  readonly passphraseFile?: string;
  readonly allowShorter?: boolean;
  readonly allowFewerNames?: boolean;
}

interface RequestOptions extends SiteOptions {
  readonly name: readonly string[];
  readonly ip?: readonly string[];
  readonly out: string;
  readonly newKey?: boolean;
}

interface ShowOptions extends SiteOptions {
  readonly probe?: boolean | string;
}

/** Declares the commands. */
export function addTLS(program: Command, session: Session): void {
  const tls = program
    .command('tls')
    .summary('the certificate of this site: ask for one, install it, see how long it lasts')
    .description(
      'A certificate comes with a bundle, with an overlay, or as files. It is judged before anything changes, and put back where it is not served.',
    );
  addInstall(tls, session);
  addRequest(tls, session);
  addShow(tls, session);
}

function addInstall(tls: Command, session: Session): void {
  const command = tls
    .command('install')
    .description(
      'Judges a certificate and its key, puts both in the place of the present ones, has them served and looks. One that is refused changes nothing.',
    )
    .requiredOption('--cert <file>', 'the certificate with its intermediates: PEM, DER or PKCS#12')
    .option('--key <file>', 'its key (default: in the same file, else the one that waits here or is installed)')
    .option('--ca <file>', "the authority's own certificate, where the system does not know it")
    .addOption(repeated('--name <dns>', 'a name that it must be for'))
    .option('--dir <dir>', 'where it goes (default: where the release says, else where one is)')
    .option('--passphrase-file <file>', 'read the passphrase of the key or of PKCS#12 from FILE')
    .option('--allow-shorter', 'take one that ends sooner than the one in use')
    .option('--allow-fewer-names', 'take one for fewer names than the one in use');
  withExamples(withJSON(withReason(withPrefix(withState(withServing(command))))), [
    'tls install --cert fullchain.pem --key privkey.pem --ca company-root.pem',
    'tls install --cert site.crt --dir /etc/atrium/tls --reload "nginx -s reload" --probe 127.0.0.1:443',
    'tls install --cert site.p12 --passphrase-file passphrase.txt',
  ]).action((options: InstallOptions) => runInstall(session, options));
}

function addRequest(tls: Command, session: Session): void {
  const command = tls
    .command('request')
    .description('Makes a key that never leaves this site, and writes the request for its certificate.')
    .addOption(repeated('--name <dns>', 'a name that it is for, the common one first').makeOptionMandatory())
    .addOption(repeated('--ip <address>', 'an IP address that it is for'))
    .requiredOption('--out <file>', 'where to write the request')
    .option('--new-key', 'make another key, also where one waits for these names');
  // a common option: nothing of a request is installed
  withExamples(withJSON(withPrefix(withState(command))), [
    'tls request --name atrium.plant.local --ip 10.0.0.5 --out /media/stick/site.csr',
  ]).action((options: RequestOptions) => runRequest(session, options));
}

function addShow(tls: Command, session: Session): void {
  const command = tls
    .command('show')
    .description('Shows the installed certificate, how long it lasts, and the requests that wait.')
    .option('--probe [host:port]', 'look at what is served, there or where site.yaml says');
  withExamples(withJSON(withPrefix(withState(command))), ['tls show', 'tls show --probe 127.0.0.1:443 --json'])
    .addHelpText('after', '\nThe status is 10 when a person should look.')
    .action((options: ShowOptions) => runShow(session, options));
}

async function runInstall(session: Session, options: InstallOptions): Promise<void> {
  const overrides = [
    ...(options.allowShorter ? ['--allow-shorter'] : []),
    ...(options.allowFewerNames ? ['--allow-fewer-names'] : []),
  ];
  const [override] = overrides;
  const reason = override === undefined ? options.reason : overrideReason(override, options);
  const progress = await session.progress('nothing was changed: the certificate is the one of before');
  const { installTLS } = await import('../install/index.ts');
  const { dir } = options;
  const done = await installTLS({
    ...pathsOf(session, options),
    passphrase: await passphraseOf(session, options),
    stateDir: stateOf(session, options),
    prefix: prefixOf(session, options),
    names: options.name,
    dir: dir?.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, ''),
    ...(await servingOf(options)),
    allowShorter: options.allowShorter,
    allowFewerNames: options.allowFewerNames,
    reason,
    engine: engineOf(session),
    command: typedCommand(session),
    systemLog: session.io.systemLog,
    buildTime: BUILD_TIME,
    now: session.now,
    progress,
    signal: session.io.signal,
  });
  session.warn(done.warnings);
  session.finish({ fields: { ...done }, lines: installedLines(done, session.now) });
}

function pathsOf(session: Session, { cert, key, ca }: InstallOptions) {
  const path = (file: string | undefined) => (file === undefined ? undefined : session.path(file));
  return { cert: session.path(cert), key: path(key), ca: path(ca) };
}

/** As a text editor leaves it: without the end of its line. */
async function passphraseOf(session: Session, { passphraseFile }: InstallOptions): Promise<string | undefined> {
  if (passphraseFile === undefined) return undefined;
  return (await session.readText(passphraseFile, 'the passphrase file')).replace(/\r?\n$/, '');
}

async function runRequest(session: Session, options: RequestOptions): Promise<void> {
  const { requestTLS } = await import('../install/index.ts');
  const done = await requestTLS({
    stateDir: stateOf(session, options),
    names: options.name,
    ips: options.ip ?? [],
    out: session.path(options.out),
    newKey: options.newKey,
    engine: engineOf(session),
    command: typedCommand(session),
    systemLog: session.io.systemLog,
    now: session.now,
  });
  session.warn(done.warnings);
  session.finish({ fields: { ...done }, lines: requestLines(done) });
}

function requestLines({ action, path, names, ips, spki }: RequestTLSResult): string[] {
  return [
    action === 'made' ? `the request is in ${path}` : `these names wait already: the same request is in ${path}`,
    ...alignColumns([
      ['names', [...names, ...ips].join(', ')],
      ['key (SPKI)', spki],
    ]),
    'Carry it to the authority; the key stays here. What comes back: ferry tls install --cert FILE',
  ];
}

async function runShow(session: Session, options: ShowOptions): Promise<void> {
  const { probe } = options;
  const { showTLS, tlsAttention } = await import('../install/index.ts');
  const found = await showTLS({
    stateDir: stateOf(session, options),
    prefix: findPrefix(session, options),
    probe: typeof probe === 'string' ? await probeOf(probe) : probe,
    buildTime: BUILD_TIME,
    now: session.now,
  });
  const attention = found === undefined ? [] : tlsAttention(found);
  if (probe === true && found?.notAfter !== undefined && found.served === undefined)
    session.warn(['nobody looked at what is served: give the address, --probe HOST:PORT, or tls.probe in site.yaml']);
  const exit = attention.length > 0 ? 10 : 0;
  const lines = found ? tlsLines(found, session.now) : ['no certificate is known here'];
  session.finish({
    fields: { ...found, attention, exit },
    lines: [...lines, ...attention.map((line) => `! ${line}`)],
    exit,
  });
}
