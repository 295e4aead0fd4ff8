/**
 * Text with PEM in it (RFC 7468), as it comes by mail, from a portal or out of a Windows program: blocks with whatever
 * stands between them, in UTF-8 or UTF-16, with any line ends, indented or not. A block that is damaged is refused, never
 * passed over: what is left out could be the one that mattered.
 */
import { TLSError } from './error.ts';

export interface PEMBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  /** What the lines decode to; of an encrypted one in the old form still encrypted. */
  readonly bytes: Buffer;
  /** The block again with clean lines, its headers kept. */
  readonly text: string;
}

const LINE = /^-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----$/;
/** Longer lines are none of those that begin or end a block. */
const MAX_EDGE = 200;
const HEADER = /^[A-Za-z0-9-]+: ?.*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The text, if the bytes are text. */
export function findText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * All blocks of a text, in its order.
 * @param what names the text in errors
 * @throws {TLSError} `TLS_UNREADABLE` when one is cut off or damaged
 */
export function readPEM(text: string, what: string): PEMBlock[] {
  const blocks: PEMBlock[] = [];
  let label: string | undefined;
  let lines: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/).map((one) => one.trim())) {
    const [, edge, named] = LINE.exec(line) ?? [];
    if (label === undefined) {
      if (edge === 'END' || (edge === undefined && looksLikeAnEdge(line))) throw damaged(what, blocks.length, line);
      if (edge === 'BEGIN') [label, lines] = [named, []];
    } else if (edge === 'END' && named === label) {
      blocks.push(blockOf(label, lines, `${what}: block ${blocks.length + 1}`));
      label = undefined;
    } else if (edge !== undefined || looksLikeAnEdge(line)) {
      throw damaged(what, blocks.length, line);
    } else {
      lines.push(line);
    }
  }
  if (label !== undefined) throw damaged(what, blocks.length, 'the end of the file');
  return blocks;
}

/** PEM of bytes, 64 characters a line. */
export function formatPEM(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** An edge that was meant and is none: a letter changed, or the hyphens made one dash by a word processor. */
function looksLikeAnEdge(line: string): boolean {
  // the patterns take their time over a line of a megabyte, which is none
  if (line.length > MAX_EDGE) return false;
  return /^\W{2,}\s*(?:BEGIN|END)\b|\b(?:BEGIN|END) [A-Z0-9 ]*(?:CERTIFICATE|KEY)\W{2,}$|^-{4,}.*-{4,}$/.test(line);
}

function blockOf(label: string, lines: readonly string[], what: string): PEMBlock {
  const headers = lines.filter((line) => HEADER.test(line));
  const body = lines
    .filter((line) => !HEADER.test(line))
    .join('')
    .replaceAll(/\s/g, '');
  if (body === '' || !BASE64.test(body)) {
    throw new TLSError(`read ${what}: expected base64 in ${label}, got something else`, { code: 'TLS_UNREADABLE' });
  }
  const bytes = Buffer.from(body, 'base64');
  const [begin, ...rest] = formatPEM(label, bytes).split('\n');
  const between = headers.length > 0 ? [...headers, ''] : [];
  return { label, bytes, text: [begin, ...between, ...rest].join('\n') };
}

function damaged(what: string, before: number, line: string): TLSError {
  // the line may be one of a key whose edge was lost: only edges are quoted
  const got = LINE.test(line) || line === 'the end of the file' ? line : 'a damaged line';
  return new TLSError(
    `read ${what}: block ${before + 1}: expected -----BEGIN …----- and its -----END …-----, got ${got}`,
    {
      code: 'TLS_UNREADABLE',
    },
  );
}

function encodingOf([first, second, third, fourth]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if ((first === 0xff && second === 0xfe) || (first === 0x2d && second === 0 && third === 0x2d && fourth === 0))
    return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}
