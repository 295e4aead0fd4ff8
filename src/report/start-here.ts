/**
 * What lies on top of a stick: what this is, what to type, what each outcome means. Written once and rendered twice, for
 * a terminal and for a browser. It holds no fingerprint and no digest: whoever changed the stick would have changed
 * those as well, so they come another way, and the page says so.
 */

/** What the page speaks of. The names of files are those on the stick. */
export interface StartHereFacts {
  readonly product: string;
  readonly release?:
    | { readonly release: string; readonly sequence: number; readonly images: number; readonly canActivate: boolean }
    | undefined;
  readonly overlays: readonly { readonly name: string }[];
  readonly executables: readonly { readonly name: string; readonly platform: string; readonly version: string }[];
  readonly importableUntil: Date;
}

/** A step: what is typed, and what there is to know about it. */
export interface Step {
  readonly command: string;
  readonly note: string;
}

/** A piece of the page. */
export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'steps'; readonly steps: readonly Step[] }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly [string, string])[] };

/** A heading and what is below it. */
export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** The page before it is rendered. */
export interface StartHere {
  readonly title: string;
  readonly sections: readonly Section[];
}

/** Stands in for whatever the stick is called, and wherever it is mounted. */
const DEVICE = '/dev/sdb1';
const MOUNT = '/mnt';

/** The content of the page. */
export function startHere(facts: StartHereFacts): StartHere {
  const { product, release } = facts;
  const name = release ? `${product} ${release.release} (sequence ${release.sequence})` : product;
  const hosts = facts.executables.filter(({ platform }) => platform.startsWith('linux/'));
  return {
    title: `START HERE: ${name}`,
    sections: [
      whatThisIs(facts),
      ...(hosts.length > 0 ? [firstVisit(facts, hosts)] : []),
      laterVisits(facts, hosts.length > 0),
      OUTCOMES,
      ...files(facts),
    ],
  };
}

function whatThisIs({ release, overlays, importableUntil }: StartHereFacts): Section {
  const isOverlays = isForKnown({ release, overlays });
  const images = release && `${release.images} container ${release.images === 1 ? 'image' : 'images'}`;
  const brought = images ?? (overlays.length > 0 ? 'files of single sites' : 'a list of what may be installed');
  const what = release ? `an update: ${images}, signed` : `${brought}, signed`;
  return {
    title: 'What this is',
    blocks: [
      text(
        `This stick carries ${what}. The program "ferry" proves every byte of it on a computer without a network, and installs it there. It can be imported until ${importableUntil.toISOString().slice(0, 10)}.`,
      ),
      text(isOverlays ? NEEDS_NO_SHEET : needs(release)),
    ],
  };
}

/** Whether only overlays are here: one is never a first import, so nobody is asked for words. */
function isForKnown({ release, overlays }: Pick<StartHereFacts, 'release' | 'overlays'>): boolean {
  return release === undefined && overlays.length > 0;
}

/** What may be the first that this computer sees of the office wants the sheet. */
function needs(release: StartHereFacts['release']): string {
  const docker = release?.canActivate ? 'Docker and Docker Compose' : 'Docker';
  return `You need a computer with ${docker}, the right to use sudo there, and the APPROVAL SHEET: a page that came another way than this stick (by hand, by post, by fax). If the sheet came with the stick, or you have none, ask the office for the 12 words by telephone before you go on.`;
}

const NEEDS_NO_SHEET =
  'You need a computer on which ferry has installed a release before, and the right to use sudo there. If it has not, take a stick with a release first. No approval sheet is needed: ferry knows the office there.';

function firstVisit({ executables, release }: StartHereFacts, hosts: StartHereFacts['executables']): Section {
  const main = hosts.find(({ platform }) => platform === 'linux/amd64') ?? (hosts[0] as (typeof hosts)[number]);
  const others = hosts.filter((host) => host !== main);
  const arm = others.map(
    ({ name, platform }) => `On a computer with another processor (${machine(platform)}) take ${name} instead.`,
  );
  return {
    title: 'The first visit: ferry is not on this computer yet',
    blocks: [
      steps([
        {
          command: `sudo mount ${DEVICE} ${MOUNT}`,
          note: `${DEVICE} is an example: "lsblk" shows what the stick is called. Any empty folder will do for ${MOUNT}. If the stick is in a folder already, use that instead of ${MOUNT} and go on with the next line.`,
        },
        {
          command: `sha256sum ${MOUNT}/${main.name}`,
          note: 'Compare all 64 characters with the approval sheet. One that differs: stop, run nothing, call the office.',
        },
        {
          command: `sudo install -m 755 ${MOUNT}/${main.name} /usr/bin/ferry`,
          note: 'Install it first, do not start it from the stick: many computers let nothing run from a stick ("noexec", Permission denied).',
        },
        importStep(
          release,
          'Asks for the fingerprint: type the 12 words or the 64 digits from the approval sheet, never from this stick. Then it checks everything, shows what it will do, and asks once.',
        ),
        UNMOUNT,
      ]),
      ...arm.map(text),
      ...executables
        .filter(({ platform }) => platform.startsWith('windows/'))
        .map(({ name }) => text(`${name} runs on a Windows laptop: "inspect", "verify" and "copy" of the bundle.`)),
    ],
  };
}

function laterVisits({ release, overlays }: StartHereFacts, hasFirst: boolean): Section {
  return {
    title: hasFirst ? 'Later visits: ferry is there' : 'What to type: ferry is on the computer already',
    blocks: [
      steps([
        { command: `sudo mount ${DEVICE} ${MOUNT}`, note: `${DEVICE} is an example: "lsblk" shows the name.` },
        importStep(
          release,
          hasFirst
            ? 'It knows the office by now, brings its own newer version along if there is one, shows what it will do, and asks once.'
            : `Checks everything, shows what it will do, and asks once.${isForKnown({ release, overlays }) ? '' : ' On a computer that has imported nothing yet it asks for the fingerprint: from the approval sheet, never from this stick.'}`,
        ),
        UNMOUNT,
      ]),
      text(
        'To look first and change nothing: "sudo ferry verify /mnt" reads every byte, "sudo ferry import /mnt --dry-run" shows the plan.',
      ),
    ],
  };
}

function importStep(release: StartHereFacts['release'], note: string): Step {
  return { command: `sudo ferry import ${MOUNT}${release?.canActivate ? ' --activate' : ''}`, note };
}

const UNMOUNT: Step = {
  command: `sudo umount ${MOUNT}`,
  note: 'When ferry has said "safe to unmount". The stick goes back to the office: ferry may have left a receipt and the card of this computer on it.',
};

const OUTCOMES: Section = {
  title: 'What ferry says at the end, and what "echo $?" shows',
  blocks: [
    rows([
      ['0', 'Done. Or there was nothing to do.'],
      ['1', 'Failed. The line that begins with "ferry: hint:" says what to do.'],
      [
        '2',
        'The command was not understood, or there are several releases to choose from: look at what was typed, and at the line that begins with "ferry: hint:".',
      ],
      [
        '3',
        'Refused: not signed by the office that this computer trusts, or ended, or taken back, or for another computer, or a question was not answered. Do not look for a way around it: call the office.',
      ],
      ['4', 'Damaged: the stick, or the copy on it. Try another copy on another stick.'],
      ['5', 'Something is missing here: room on the disk, Docker, sudo, the right kind of processor.'],
      ['6', 'Another ferry is at work. Wait until it is done.'],
      ['10', 'Done, and somebody should look: "sudo ferry status" says at what.'],
      ['75', 'The stick is not there. Is it in, and mounted?'],
      ['130', 'Stopped by Ctrl-C. If it was pressed twice: "sudo ferry recover".'],
    ]),
    text(
      'When an import fails, the computer is as it was. When the power goes or the stick is pulled out: "sudo ferry recover", and all is as before, or all is done.',
    ),
  ],
};

function files({ overlays }: StartHereFacts): Section[] {
  const blocks = [
    text(
      `SHA256SUMS tells whether the copy on this stick is whole: "cd ${MOUNT} && sha256sum -c SHA256SUMS". It says nothing about who made it: whoever changes a file on this stick can change that list too. Only the approval sheet tells.`,
    ),
    ...(overlays.length > 0
      ? [text('The files with a long number in their names are for one computer each: every computer takes its own.')]
      : []),
    text('The folder "older" has what was on this stick before. Ferry does not look into it.'),
  ];
  return [{ title: 'The files on this stick', blocks }];
}

/** What `uname -m` says there. */
function machine(platform: string): string {
  const names: Readonly<Record<string, string>> = { 'linux/arm64': 'aarch64', 'linux/amd64': 'x86_64' };
  return `"uname -m" says ${names[platform] ?? platform.replace('linux/', '')}`;
}

function text(words: string): Block {
  return { kind: 'text', text: words };
}

function steps(all: readonly Step[]): Block {
  return { kind: 'steps', steps: all };
}

function rows(all: readonly (readonly [string, string])[]): Block {
  return { kind: 'rows', rows: all };
}
