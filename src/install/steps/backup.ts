/**
 * The operator's backup, before anything of a release that migrates data is shown or run. It must succeed; what it made
 * stays whatever happens afterwards.
 */

import { commandProblem, type OperatorCommand, runCommand } from '../activation/operator-command.ts';
import { InstallError } from '../error.ts';
import type { Step, StepKind } from './step.ts';

export type BackupData = OperatorCommand;

/** The step that backs up. */
export function backup(data: BackupData): Step<BackupData> {
  return { kind: 'backup', name: 'back up the data', data };
}

export const backupStep: StepKind<BackupData> = {
  isResumable: false,
  check: async (data) => {
    const problem = await commandProblem(data.words);
    if (problem !== undefined) throw failed(data, problem);
  },
  apply: async (data, site) => {
    site.progress.phase('back up the data');
    const problem = await runCommand(data, site, site.signal);
    if (problem !== undefined) throw failed(data, problem);
  },
  undo: async () => {},
};

function failed({ words }: BackupData, problem: string): InstallError {
  return new InstallError(`back up the data: expected ${words[0]} to succeed, got ${problem}`, {
    code: 'BACKUP_FAILED',
    facts: { program: words[0] },
  });
}
