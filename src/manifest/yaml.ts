/**
 * YAML with its lines: the only file that knows the `yaml` package. Core schema of YAML 1.2, no duplicate keys, few
 * aliases (a text that grows without end is refused). A path of keys leads to the line on which its value stands.
 */
import type { Document } from 'yaml';
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { ManifestCode } from './error.ts';
import { ManifestError } from './error.ts';

type Path = readonly PropertyKey[];

export interface YamlErrorOptions {
  /** @default 'MANIFEST_VALUE' */
  readonly code?: ManifestCode;
  readonly cause?: unknown;
}

/** A value with the way back to its text. */
export interface YamlSource {
  readonly value: unknown;
  /** An error at a value: `read manifest: <file>:<line>: <keys>: <problem>`. */
  readonly error: (path: Path, problem: string, options?: YamlErrorOptions) => ManifestError;
  /** The line on which a value stands. */
  readonly line: (path: Path) => number;
  /** The first of what a schema found. */
  readonly schemaError: (issues: readonly z.core.$ZodIssue[]) => ManifestError;
}

export interface ReadYamlOptions {
  /** What it is, for messages: `read <what>: …`. @default 'manifest' */
  readonly what?: string;
  /** Instead of `MANIFEST_YAML` and `MANIFEST_VALUE`. */
  readonly code?: ManifestCode;
}

/** Reads one YAML document. @throws {ManifestError} `MANIFEST_YAML`, with the line. */
export function readYaml(text: string, file: string, kind: ReadYamlOptions = {}): YamlSource {
  const { what = 'manifest' } = kind;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [fault] = document.errors;
  if (fault !== undefined)
    throw yamlError(`${file}:${lines.linePos(fault.pos[0]).line}`, firstLine(fault.message), { ...kind, cause: fault });
  const error = (path: Path, problem: string, options: YamlErrorOptions = {}) => {
    const at = formatPath(path);
    return new ManifestError(
      `read ${what}: ${file}:${lineOf(document, lines, path)}: ${at === '' ? '' : `${at}: `}${problem}`,
      {
        code: options.code ?? kind.code ?? 'MANIFEST_VALUE',
        cause: options.cause,
        facts: { file, line: lineOf(document, lines, path), key: at },
      },
    );
  };
  return {
    value: readValue(document, file, kind),
    error,
    line: (path) => lineOf(document, lines, path),
    schemaError: (issues) => {
      const [issue] = issues.toSorted(byCause);
      if (issue === undefined) return error([], `expected a ${what}`);
      if (issue.code !== 'unrecognized_keys') return error(issue.path, describe(document, issue));
      return error([...issue.path, issue.keys[0] ?? ''], 'unknown key');
    },
  };
}

/** A misspelt key also makes one that is missing: the misspelling is the thing to name. */
function byCause(a: z.core.$ZodIssue, b: z.core.$ZodIssue): number {
  return Number(b.code === 'unrecognized_keys') - Number(a.code === 'unrecognized_keys');
}

function readValue(document: Document, file: string, kind: ReadYamlOptions): unknown {
  try {
    return document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw yamlError(file, error instanceof Error ? firstLine(error.message) : 'unreadable', { ...kind, cause: error });
  }
}

function yamlError(
  where: string,
  problem: string,
  { what = 'manifest', code = 'MANIFEST_YAML', cause }: ReadYamlOptions & { readonly cause: unknown },
): ManifestError {
  return new ManifestError(`read ${what}: ${where}: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`, {
    code,
    cause,
  });
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/[.:]$/, '').replace(/[\p{Cc}]/gu, ' ');
}

/** `expected X, got Y`, with Y as it stands in the text: `2.10` is a number there, and has lost its zero as a value. */
function describe(document: Document, issue: z.core.$ZodIssue): string {
  const node = document.getIn(issue.path, true);
  if (node === undefined) return issue.message.startsWith('expected') ? `${issue.message}, got nothing` : 'missing';
  const got = isScalar(node) ? (node.source ?? JSON.stringify(node.value)) : isMap(node) ? 'a map' : 'a list';
  const quote =
    isScalar(node) && typeof node.value !== 'string' && issue.code === 'invalid_type' ? ' (put it in quotes)' : '';
  return `${issue.message.replace(/^Invalid input: /, '')}, got ${String(got)
    .slice(0, 120)
    .replace(/[\p{Cc}]/gu, ' ')}${quote}`;
}

/** The line of the value; where a key of it is meant, of that key; where it is missing, of the nearest that is there. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}
