/** The part of the table of `words.ts` that is about the engine and the site: exit statuses and hints by code. */
import type { DockerCode } from '../docker/index.ts';
import type { InstallCode } from '../install/index.ts';
import type { SiteCode } from '../site/index.ts';
import type { StateCode } from '../state/index.ts';

/** FORMAT §8, without 0 and 10, which are no errors. */
export type ErrorStatus = 1 | 2 | 3 | 4 | 5 | 6 | 75 | 130;

const ASK_THE_OFFICE = 'ask the office for a new bundle or catalogue (`ferry catalogue export`)';

/** Exit status and hint of every code of these rooms. */
export const SITE_WORDS = {
  // The engine.
  ENGINE_ADDRESS: [2, 'set DOCKER_HOST to unix://, tcp:// or ssh://, or unset it'],
  ENGINE_NOT_RUNNING: [5, 'start Docker (`systemctl start docker`), or set DOCKER_HOST'],
  ENGINE_DENIED: [5, 'run the same command with sudo'],
  ENGINE_UNREACHABLE: [5, 'check DOCKER_HOST and the network'],
  ENGINE_TLS: [5, 'check DOCKER_TLS_VERIFY and DOCKER_CERT_PATH'],
  ENGINE_UNSUPPORTED: [5, 'use Docker 20.10 or newer, or podman'],
  ENGINE_FAILED: [1, "look at the engine's log (`journalctl -u docker`)"],
  ENGINE_NO_SPACE: [5, 'make room where the engine keeps its images (`docker system df`)'],
  ENGINE_STALLED: [1, "look at the engine's log (`journalctl -u docker`), and run the command again"],
  ENGINE_CHANGED: [1, 'see which engine is meant and set DOCKER_HOST to it, then run `ferry recover`'],
  ENGINE_BUSY: [6, 'it cannot be stopped: run `ferry recover` a little later, or restart the engine and run it then'],
  LOAD_FAILED: [1, "look at the engine's log (`journalctl -u docker`); nothing was changed"],
  IMAGE_MISMATCH: [4, 'the engine holds something else than was signed: its store may be damaged'],
  WRONG_ARCHITECTURE: [5, 'export this release for the platform of the engine'],

  COMPOSE_MISSING: [
    5,
    "install Docker's compose plugin (or Debian's docker-compose); without --activate the import needs neither",
  ],
  COMPOSE_UNSUPPORTED: [5, 'run ferry on the host of that engine, or import without --activate'],
  COMPOSE_FAILED: [1, 'run the same command by hand to see all that it says'],

  // The site.
  STATE_DENIED: [5, 'run the same command with sudo'],
  STATE_FOREIGN: [2, 'name an empty folder or the state of this site with --state'],
  POLICY_UNSAFE: [3, 'look at what it says, then: chown root:root and chmod 0644'],
  STATE_DAMAGED: [1, "take the state from its backup, or move it away and pin the office's root again"],
  AUDIT_BROKEN: [
    4,
    'somebody changed the log, or the disk did: compare with the system journal (`journalctl -t ferry`)',
  ],
  IDENTITY_DAMAGED: [1, 'take the state from its backup'],
  IDENTITY_MISSING: [3, 'make it: `ferry site init --name NAME`; `ferry trust` and the first import do too'],
  NAME_INVALID: [2, 'name it as people do: "plant 1"; no line break, at most 64 characters'],
  MEDIUM_ABSENT: [75, 'is the stick in, and mounted there?'],
  NO_BUNDLE_HERE: [75, 'is the stick mounted there, and is it the right one? `lsblk` shows both'],
  BUNDLE_AMBIGUOUS: [2, 'name the file that is meant'],
  FINGERPRINT_NEEDED: [3, 'give --fingerprint with the digits or words of the approval sheet, or run it at a terminal'],
  REASON_MISSING: [2, 'give --reason TEXT'],
  PREFLIGHT_FAILED: [3, 'nothing was changed'],
  UPGRADE_FROM: [3, 'install a release in between first: ask the office which'],
  LOCAL_EDIT: [1, 'say what is to become of it: --keep-local NAME or --replace NAME, with --reason TEXT'],
  NO_SUCH_FILE: [2, '`ferry inspect BUNDLE` shows the files by name'],
  FILE_CHANGED: [1, 'somebody else writes there: see who it is, then run the same command again'],
  SPACE_SHORT: [5, 'make room and run the command again; nothing was changed'],
  DESTINATION_FORBIDDEN: [3, ASK_THE_OFFICE],
  DESTINATION_UNSAFE: [3, 'make the folder owned by root, writable by root alone, and no link'],
  FOLDER_OWNED: [3, 'a package of the system owns it: choose another folder at the office'],
  FERRY_NOT_EXECUTABLE: [5, 'see by hand what it says; or go on without: --no-ferry'],
  FERRY_WRONG_VERSION: [3, 'ask the office for a bundle with the right executable; or go on without: --no-ferry'],
  SITE_FILES_UNOPENED: [3, 'ask the office to seal it again for the present card of this site (`ferry site card`)'],
  LICENSE_PLACE: [2, 'give --to PATH: in a folder named like the product, or one that site.yaml grants'],
  LICENSE_SHORTER: [1, 'take it with --allow-shorter and --reason TEXT, or ask the office for one that lasts longer'],
  OVERLAY_FOREIGN: [3, 'take the overlay whose name has the ID of this site (`ferry status` shows it)'],
  TAG_NOT_MOVED: [1, "look at the engine's log (`journalctl -u docker`); nothing was changed"],
  TAG_MOVED_BY_OTHER: [
    1,
    'another process (a pull, a build, another tool) works with these names: see that it is done, then run the command again',
  ],
  RECEIPT_ALTERED: [3, 'believe nothing in it; the receipt as it was signed is in the state of this site'],
  RECEIPT_FOREIGN: [3, 'verify it at the site that it names'],
  NOTHING_TO_ACTIVATE: [2, 'import it without --activate: there is nothing that could be run'],
  BACKUP_MISSING: [
    5,
    'write a `backup` command into site.yaml (docs/activation.md shows one), or import without --activate',
  ],
  BACKUP_FAILED: [1, 'nothing was changed: run the command by hand to see all that it says'],
  ACTIVATION_FAILED: [1, 'look at what the containers say: docker logs'],
  TLS_PLACE: [2, 'name a folder of its own for certificates: --dir /etc/atrium/tls'],
  TLS_NO_KEY: [1, 'give its key with --key FILE, or have it made for the key of `ferry tls request`'],
  TLS_KEY_UNSEALED: [
    3,
    'whoever had the stick has the key: have another made with `ferry tls request`, or sealed for this site',
  ],
  RELOAD_FORBIDDEN: [3, 'a release reloads containers of its own Compose project alone: ask the office'],
  RELOAD_FAILED: [1, 'the files are as they were before: run the same reload by hand to see all that it says'],
  TLS_NOT_SERVED: [1, "look at the log of what serves there, or name another way to reload it: --reload 'COMMAND'"],
  UNDO_INCOMPLETE: [
    1,
    'see that the engine runs and that there is room, then run `ferry recover`; `ferry status` shows what is pending',
  ],
  JOURNAL_DAMAGED: [4, 'keep the file for support; `ferry status` shows what is here as far as it can be told'],
  ENGINE_OTHER: [
    5,
    'set DOCKER_HOST to the engine of then and run `ferry recover`; where it is gone for good: docs/state.md, The journal',
  ],
  NOTHING_BEFORE: [1, 'import the release that is wanted; an older one with --allow-downgrade'],
  IMAGE_GONE: [5, 'import the bundle of that release again, with --allow-downgrade'],
  NOT_CONFIRMED: [3, 'nothing was installed or changed; the same command asks again'],
  PREVIOUS_REVOKED: [3, 'where it must be, --allow-revoked with --reason goes back all the same'],
} as const satisfies Readonly<
  Partial<Record<DockerCode | InstallCode | SiteCode | StateCode, readonly [exit: ErrorStatus, hint: string]>>
>;
