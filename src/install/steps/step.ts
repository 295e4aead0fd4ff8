/**
 * A step of a transaction, as data: what stands in the journal is enough to undo it and, from the moving of tags on, to
 * make it. So a process that was killed needs no heir who knows what it knew. DESIGN decision 4.
 */

import type { Bundle } from '../../bundle/index.ts';
import type { Progress } from '../../content/index.ts';
import type { Engine, ImagePlan } from '../../docker/index.ts';
import type { SitePolicy } from '../../manifest/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import type { FolderTree } from '../files/folder.ts';

/** Every kind there is, in the order in which an import makes them. */
export const STEP_KINDS = [
  'leave',
  'keep',
  'stage',
  'place',
  'hold',
  'load',
  'backup',
  'containers',
  'tags',
  'serve-old',
  'switch',
  'serve',
  'record',
  'installed',
  'activate',
  'ferry',
] as const;
export type StepKindName = (typeof STEP_KINDS)[number];

/** One change of the site, as the journal holds it. */
export interface Step<D extends object = object> {
  readonly kind: StepKindName;
  /** Says in errors what this is: `load images`. */
  readonly name: string;
  /** What canonical JSON can hold: texts, whole numbers, booleans, null, lists, objects. */
  readonly data: D;
}

/** How steps of one kind are made and undone. */
export interface StepKind<D extends object> {
  /** Whether `apply` can be made again from the journal alone, without the medium, however far it came before. */
  readonly isResumable: boolean;
  /** Throws when it cannot be done here; changes nothing. */
  check?(data: D, site: Site): Promise<void>;
  apply(data: D, site: Site): Promise<void>;
  /**
   * Puts back what was there before: from `data` and what it finds, however far `apply` came, and as often as it is
   * asked. Never looks at the signal.
   */
  undo(data: D, site: Site): Promise<void>;
  /** Lets go of what `undo` would have needed; the outcome stands. As often as it is asked. */
  settle?(data: D, site: Site): Promise<void>;
}

/** Where steps are made. */
export interface Site {
  /** 12 hex digits, of this transaction alone: part of every temporary name. */
  readonly id: string;
  readonly state: SiteState;
  readonly identity: SiteIdentity;
  /** None in a transaction that needs none. */
  readonly engine: Engine | undefined;
  /** What stands before every installed path. */
  readonly prefix: string;
  readonly tree: FolderTree;
  readonly policy: SitePolicy;
  readonly now: Date;
  /** `performance.now()` at that moment: the operator's clock may be set meanwhile, a duration is not. */
  readonly began: number;
  /** Whether this finishes what another process began. */
  readonly isRecovery: boolean;
  readonly signal: AbortSignal | undefined;
  readonly progress: Progress;
  /** Only in the import itself; whoever recovers has none. */
  readonly medium: ImportMedium | undefined;
  readonly outcome: Outcome;
  /** Writes into the audit log what became of it, just before the journal goes; answers what a person should know. */
  readonly tell: (became: 'finished' | 'undone') => Promise<readonly string[]>;
  /** Told of what could not be cleaned away after all was done, and of what a person should know. */
  readonly warn: (line: string) => void;
}

/** What an import brings and a recovery lacks. */
export interface ImportMedium {
  /** None where all that is installed was read before: a licence that somebody named. */
  readonly bundle: Bundle | undefined;
  /** Small files that were read, proven and, if sealed, opened while it was planned, by their entry: they are read once. */
  readonly opened: ReadonlyMap<string, Uint8Array>;
  /** By image ID. */
  readonly plans: ReadonlyMap<Digest, ImagePlan>;
  /** A folder on the state's disk for layers that must become plain. */
  readonly spoolDir: string;
  /** Told of bytes of layers read from the medium. */
  readonly onBytes: (bytes: number) => void;
}

/** What steps found out that the result is to tell. */
export interface Outcome {
  activation?: 'healthy' | 'failed';
  /** One line, when it failed. */
  activationWhy?: string;
  /** After a way back: what is not as it was before, with what a person has to do about it. */
  left?: readonly string[];
  /** Containers that still see an old file, because they mount that one file. */
  recreate?: readonly { readonly container: string; readonly path: string }[];
  /** Once somebody was to be told of a new certificate: who was, and where it is served since. */
  serve?: { readonly reloaded?: string; readonly served?: string };
  /** After a way back: what is served again. */
  restored?: string;
}

/** The engine of a step that needs one. */
export function engineFor({ engine }: Site): Engine {
  if (engine === undefined) throw new TypeError('expected an engine in a transaction with images');
  return engine;
}

/** The medium of a step that reads it. */
export function mediumFor({ medium }: Site): ImportMedium {
  if (medium === undefined) throw new TypeError('expected the medium: this step is not resumable');
  return medium;
}

/** The bundle of a step that reads it. */
export function bundleFor(site: Site): Bundle {
  const { bundle } = mediumFor(site);
  if (bundle === undefined) throw new TypeError('expected a bundle: nothing else has these bytes');
  return bundle;
}
