/** The rules that a person may set aside, each for a reason that is written into the receipt and the audit log. Pure. */

import type { FilePlan } from '../files/file-plan.ts';
import type { Override } from '../records/receipt.ts';
import type { ImportOptions } from './result.ts';

/** The flags that were given and want a reason. */
export function overrideFlags({
  allowDowngrade,
  allowShorter,
  allowFewerNames,
  keepLocal = [],
  replace = [],
}: ImportOptions): readonly string[] {
  return [
    ...(allowDowngrade ? ['--allow-downgrade'] : []),
    ...(allowShorter ? ['--allow-shorter'] : []),
    ...(allowFewerNames ? ['--allow-fewer-names'] : []),
    ...(keepLocal.length > 0 ? ['--keep-local'] : []),
    ...(replace.length > 0 ? ['--replace'] : []),
  ];
}

/**
 * What was set aside, a flag that names a file with that name: `--keep-local compose.yaml`. A rule that stood in nobody's
 * way is not among it.
 * @param plan the files as planned with the same options
 */
export function overridesOf(
  { reason = '' }: Pick<ImportOptions, 'reason'>,
  plan: {
    readonly isDowngrade: boolean;
    /** Of the licence, or of the certificate. */
    readonly isShorter: boolean;
    /** Of the certificate. */
    readonly hasFewerNames?: boolean | undefined;
    readonly files: Pick<FilePlan, 'files' | 'replaced'>;
  },
): readonly Override[] {
  const kept = plan.files.files.filter(({ action }) => action === 'kept');
  const flags = [
    ...(plan.isDowngrade ? ['--allow-downgrade'] : []),
    ...(plan.isShorter ? ['--allow-shorter'] : []),
    ...(plan.hasFewerNames ? ['--allow-fewer-names'] : []),
    ...kept.map(({ file }) => `--keep-local ${file.name}`),
    ...plan.files.replaced.map(({ file }) => `--replace ${file.name}`),
  ];
  return flags.map((flag) => ({ flag, reason }));
}
