/**
 * Tars of layers for tests: ustar, fixed times and owners, so that the same files give the same bytes. Layers hold
 * links and directories, which Ferry's own container never does; hence a writer apart from src/layout.
 */

export interface TarMember {
  /** Ends in `/` for a directory. */
  readonly name: string;
  readonly bytes?: Buffer;
  /** @default 0o644, 0o755 for directories */
  readonly mode?: number;
  /** A symbolic link to this target. */
  readonly link?: string;
}

/** The tar of plain files given by name, with the directories above them. */
export function layerTar(files: Readonly<Record<string, Buffer | string>>): Buffer {
  const members = new Map<string, TarMember>();
  for (const [name, body] of Object.entries(files)) {
    for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
      const directory = name.slice(0, at + 1);
      members.set(directory, { name: directory, mode: 0o755 });
    }
    members.set(name, { name, bytes: Buffer.from(body) });
  }
  return tarOf([...members.values()]);
}

/** The tar of these members in this order, with the two zero blocks at its end. */
export function tarOf(members: readonly TarMember[]): Buffer {
  const blocks = members.flatMap((member) => {
    const bytes = member.bytes ?? Buffer.alloc(0);
    return [header(member, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function header(member: TarMember, size: number): Buffer {
  const directory = member.name.endsWith('/');
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at);
  block.write(member.name, 0, 100);
  octal(member.mode ?? (directory ? 0o755 : 0o644), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write(' '.repeat(8), 148);
  block.write(typeflag(member, directory), 156);
  block.write(member.link ?? '', 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function typeflag(member: TarMember, directory: boolean): string {
  if (member.link !== undefined) return '2';
  return directory ? '5' : '0';
}
