/**
 * The tree of commands. Each command is declared in a file of its own and loads the rooms that it needs when it runs,
 * so that `--help` and `--version` load none.
 */
import { Command } from 'commander';
import { addAudit } from './audit.ts';
import { addCatalogue } from './catalogue.ts';
import { addCompletion } from './completion.ts';
import { addCopy } from './copy.ts';
import { addExport } from './export.ts';
import { addFleet } from './fleet.ts';
import { addImport } from './import.ts';
import { addInit } from './init.ts';
import { addInspect } from './inspect.ts';
import { addKeys } from './keys.ts';
import { addKit } from './kit.ts';
import { addLicense } from './license.ts';
import { addMan } from './man.ts';
import { addPreflight } from './preflight.ts';
import { addReceipt } from './receipt.ts';
import { addRecover } from './recover.ts';
import { addRollback } from './rollback.ts';
import type { Session } from './session.ts';
import { addSheet } from './sheet.ts';
import { addSite } from './site.ts';
import { addStatus } from './status.ts';
import { addSupport } from './support.ts';
import { addTLS } from './tls.ts';
import { addTrust } from './trust.ts';
import { addVerify } from './verify.ts';
import { VERSION } from './version.ts';

/** Columns of help, where the terminal has as many. */
const WIDTH = 100;

const EXIT_STATUS = `
Exit status:
  0  done, or nothing to do          5  not here: space, engine, architecture, privilege
  1  failed                          6  busy: another ferry is at work
  2  wrong usage, or the manifest   10  done, and a person should look
  3  refused: not trusted           75  the medium is absent
  4  damaged                       130  interrupted`;

/** The whole command line for one run. Throws instead of exiting, and writes where the run's io says. */
export function buildProgram(session: Session): Command {
  const { io } = session;
  const program = new Command('ferry');
  program
    .description('Carries container updates across an air gap: one signed tar out, proven images in.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, '')),
      writeErr: (text) => io.err(text.replace(/\n$/, '')),
      outputError: () => {},
      getOutHelpWidth: () => Math.min(io.terminal?.columns ?? WIDTH, WIDTH),
      getErrHelpWidth: () => Math.min(io.terminal?.columns ?? WIDTH, WIDTH),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', EXIT_STATUS);
  program.commandsGroup('Office (connected):');
  addInit(program, session);
  addExport(program, session);
  addKeys(program, session);
  addCatalogue(program, session);
  addFleet(program, session);
  program.commandsGroup('Both sides:');
  addInspect(program, session);
  addVerify(program, session);
  addCopy(program, session);
  addKit(program, session);
  addSheet(program, session);
  addPreflight(program, session);
  program.commandsGroup('Site (isolated):');
  addSite(program, session);
  addTrust(program, session);
  addImport(program, session);
  addRollback(program, session);
  addRecover(program, session);
  addStatus(program, session);
  addLicense(program, session);
  addTLS(program, session);
  addReceipt(program, session);
  addAudit(program, session);
  addSupport(program, session);
  program.commandsGroup('Your shell:');
  addCompletion(program, session);
  addMan(program, session);
  return program;
}
