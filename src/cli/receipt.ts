/** `ferry receipt verify`: whether a receipt is what this site signed, and what it says. Changes nothing. */
import type { Command } from 'commander';
import type { SignedReceipt } from '../install/index.ts';
import { alignColumns } from './format.ts';
import { type SiteOptions, stateOf, withExamples, withJSON, withState } from './options.ts';
import type { Session } from './session.ts';

/** Declares the commands. */
export function addReceipt(program: Command, session: Session): void {
  const receipt = program
    .command('receipt')
    .summary('what an import did, signed by this site')
    .description("An import writes a receipt, signed by the site's key, into its state and beside the bundle.");
  withExamples(withJSON(withState(receipt.command('verify'))), [
    'receipt verify /media/stick/atrium-4f2a91c07b3e55d1-7-20261123T120000Z.receipt.json',
    'receipt verify /var/lib/ferry/releases/7/receipt.json',
  ])
    .description('Holds a receipt to the key of this site, and prints what it says.')
    .argument('<file>', 'the receipt')
    .action((file: string, options: SiteOptions) => runVerify(session, file, options));
}

async function runVerify(session: Session, file: string, options: SiteOptions): Promise<void> {
  const { verifyReceipt } = await import('../install/index.ts');
  const found = await verifyReceipt({ path: session.path(file), stateDir: stateOf(session, options) });
  session.finish({
    fields: { ...found },
    lines: ['the receipt is whole: this site signed it as it is', ...receiptLines(found)],
  });
}

/** Shows a receipt before its copy is written onto the medium. */
export function showReceipt(session: Session, receipt: SignedReceipt, path: string): void {
  session.tell({
    event: { event: 'receipt', path, ...receipt },
    lines: [`ferry: the receipt goes to ${path}:`, ...receiptLines(receipt).map((line) => `  ${line}`)],
  });
}

/** What a receipt says, for a person. */
function receiptLines(receipt: SignedReceipt): string[] {
  const { product, release, sequence, result, images, files, overrides } = receipt;
  const what =
    sequence === 0 ? 'what was here before the first import' : `${product} ${release} (sequence ${sequence})`;
  return [
    result === 'rolled-back' ? `went back to ${what}` : `installed ${what}`,
    ...alignColumns(
      [
        ...images.map(({ name, action, imageID }) => [action, name, imageID]),
        ...files.map(({ path, action, digest }) => [action, path, digest]),
      ],
      '  ',
    ),
    ...alignColumns(factRows(receipt)),
    ...overrides.map(({ flag, reason }) => `! ${flag}: ${reason}`),
  ];
}

function factRows({
  site,
  engine,
  started,
  finished,
  operator,
  floors,
  previous,
  recovered,
}: SignedReceipt): string[][] {
  const seconds = (text: string) => `${text.slice(0, 19)}Z`;
  return [
    ['site', site],
    ['engine', `${engine.name} ${engine.version}, ${engine.store} store, ${engine.socket}`],
    ['from', seconds(started)],
    ['to', `${seconds(finished)}${recovered ? ', by ferry recover after it was cut off' : ''}`],
    ['by', operator.loginuid === undefined ? operator.user : `${operator.user} (login ${operator.loginuid})`],
    ['catalogue', `${floors.catalogue}, root ${floors.root}`],
    ...(previous === undefined ? [] : [['before', previous === 0 ? 'nothing of ferry' : `sequence ${previous}`]]),
  ];
}
