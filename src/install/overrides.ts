/** The rules that a person may set aside, each for a reason that is written into the receipt and the audit log. Pure. */

import type { FilePlan } from './file-plan.ts';
import type { Override } from './receipt.ts';
import type { ImportOptions } from './result.ts';

/** The flags that were given and want a reason. */
export function overrideFlags({ allowDowngrade, keepLocal = [], replace = [] }: ImportOptions): readonly string[] {
  return [
    ...(allowDowngrade ? ['--allow-downgrade'] : []),
    ...(keepLocal.length > 0 ? ['--keep-local'] : []),
    ...(replace.length > 0 ? ['--replace'] : []),
  ];
}

/** A rule that was set aside, and for which files. */
export interface NamedOverride extends Override {
  /** Names in the signed document; none where the rule is not about files. */
  readonly names: readonly string[];
}

/**
 * What was set aside: a rule that stood in nobody's way is not among it.
 * @param plan the files as planned with the same options
 */
export function overridesOf(
  { reason = '', keepLocal = [] }: Pick<ImportOptions, 'reason' | 'keepLocal'>,
  plan: { readonly isDowngrade: boolean; readonly files: Pick<FilePlan, 'files' | 'replaced'> },
): readonly NamedOverride[] {
  const kept = keepLocal.length === 0 ? [] : plan.files.files.filter(({ action }) => action === 'kept');
  const named = (flag: string, files: readonly { readonly file: { readonly name: string } }[]) =>
    files.length === 0 ? [] : [{ flag, reason, names: files.map(({ file }) => file.name) }];
  return [
    ...(plan.isDowngrade ? [{ flag: '--allow-downgrade', reason, names: [] }] : []),
    ...named('--keep-local', kept),
    ...named('--replace', plan.files.replaced),
  ];
}
