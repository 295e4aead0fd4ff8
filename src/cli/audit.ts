/** `ferry audit …`: the log of what was done and refused at this site. Changes nothing. */
import type { Command } from 'commander';
import { spellOut } from '../errors.ts';
import type { AuditLine } from '../install/index.ts';
import { alignColumns } from './format.ts';
import { type SiteOptions, stateOf, wholeNumber, withExamples, withJSON, withState } from './options.ts';
import type { Session } from './session.ts';

const USUAL_LINES = 20;

/** Declares the commands. */
export function addAudit(program: Command, session: Session): void {
  const audit = program
    .command('audit')
    .summary('the log of what was done and refused here')
    .description(
      'Every trust, import, refusal, override, activation, rollback and recovery is a line, chained to the one before.',
    );
  withExamples(withJSON(withState(audit.command('verify'))), [
    'audit verify',
    'audit verify --receipt /media/stick/atrium-….receipt.json',
  ])
    .description('Follows the log from its first line, and holds it to the receipts, which name its lines.')
    .option('--receipt <file>', 'hold it to this receipt too, one that was kept elsewhere')
    .action((options: VerifyOptions) => runVerify(session, options));
  withExamples(withJSON(withState(audit.command('list'))), ['audit list', 'audit list --last 200 --json'])
    .description('Prints the last lines of the log, oldest first.')
    .option('--last <count>', `how many (default ${USUAL_LINES})`, wholeNumber)
    .action((options: ListOptions) => runList(session, options));
}

interface VerifyOptions extends SiteOptions {
  readonly receipt?: string;
}

interface ListOptions extends SiteOptions {
  readonly last?: number;
}

async function runVerify(session: Session, options: VerifyOptions): Promise<void> {
  const { verifySiteAudit } = await import('../install/index.ts');
  const receipt = options.receipt && session.path(options.receipt);
  const found = await verifySiteAudit({ stateDir: stateOf(session, options), receipt });
  session.finish({
    fields: { ...found },
    lines: [
      `the log is whole: ${count(found.lines, 'line')}, each follows from the one before`,
      ...alignColumns([
        ['last hash', found.head],
        ['receipts', found.receipts === 0 ? 'none names a line' : `${found.receipts}, each names a line that is there`],
      ]),
    ],
  });
}

async function runList(session: Session, options: ListOptions): Promise<void> {
  const { listAudit } = await import('../install/index.ts');
  const lines = await listAudit(stateOf(session, options), { last: options.last ?? USUAL_LINES });
  session.finish({ fields: { lines }, lines: lines.length === 0 ? ['no line yet'] : alignColumns(lines.map(rowOf)) });
}

function rowOf(line: AuditLine): string[] {
  if ('text' in line) return ['', 'cut off', spellOut(line.text)];
  const facts = Object.entries(line.facts ?? {}).map(
    ([name, value]) =>
      `${name}=${typeof value === 'string' && /^[\w.:/+-]+$/.test(value) ? value : JSON.stringify(value)}`,
  );
  return [`${line.at.slice(0, 19)}Z`, line.event, spellOut(facts.join(' '))];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
