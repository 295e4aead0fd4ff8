/** What can be wrong with the office's folder, its keys and its ledger, as one class with codes. */
import { FerryError } from '../errors.ts';

/**
 * - `WORKSPACE_NOT_FOUND`: no workspace.json there. `WORKSPACE_EXISTS`: `init` on a folder that has something in it.
 * - `WORKSPACE_INVALID`: workspace.json, ledger.json or a stored catalogue is not what ferry wrote.
 * - `LEDGER_BEHIND`: the ledger knows lower numbers than the catalogue beside it: a copy from a backup.
 * - `PASSPHRASE_NEEDED`: a sealed key must be opened and nobody can be asked.
 * - `KEY_MISSING`: too few of a role's keys are here. `KEY_UNKNOWN`: no role has it. `KEYS_TOO_FEW`: fewer keys than
 *   the threshold would be left.
 * - `ROOT_ENDED`: the root is no longer valid, so that no site would take what it authorises.
 * - `CEREMONY_OPEN`: a root waits for signatures. `CEREMONY_STALE`: a request that is no longer the next root.
 * - `RELEASE_UNKNOWN`, `RELEASE_AMBIGUOUS`, `RELEASE_REVOKED`: what a name or a content means in the catalogue.
 * - `SITE_UNKNOWN`, `SITE_AMBIGUOUS`: what an ID or a name means in the fleet.
 * - `CARD_CHANGED`: a card with other keys than those that are pinned. `CARD_PRODUCT`: one of another product's site.
 *   `CARD_NOT_COMPARED`: one of a new site, and nobody compared its fingerprint.
 */
export type WorkspaceCode =
  | 'WORKSPACE_NOT_FOUND'
  | 'WORKSPACE_EXISTS'
  | 'WORKSPACE_INVALID'
  | 'LEDGER_BEHIND'
  | 'PASSPHRASE_NEEDED'
  | 'KEY_MISSING'
  | 'KEY_UNKNOWN'
  | 'KEYS_TOO_FEW'
  | 'ROOT_ENDED'
  | 'CEREMONY_OPEN'
  | 'CEREMONY_STALE'
  | 'RELEASE_UNKNOWN'
  | 'RELEASE_AMBIGUOUS'
  | 'RELEASE_REVOKED'
  | 'SITE_UNKNOWN'
  | 'SITE_AMBIGUOUS'
  | 'CARD_CHANGED'
  | 'CARD_PRODUCT'
  | 'CARD_NOT_COMPARED';

/** The workspace can't do what was asked. */
export class WorkspaceError extends FerryError<WorkspaceCode> {}
