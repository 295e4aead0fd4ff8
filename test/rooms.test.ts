// The map of ARCHITECTURE.md, held to: who may import whom, and which room has which dependency.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Top to bottom; rooms of one line are siblings. */
const FLOORS = [
  ['cli'],
  ['export', 'install'],
  ['site', 'preflight', 'media', 'report'],
  ['bundle', 'tls', 'license', 'workspace'],
  ['docker', 'registry', 'trust'],
  ['http', 'layout', 'manifest', 'seal', 'state'],
  ['content'],
  ['oci'],
];

const DEPENDENCIES: Readonly<Record<string, string>> = {
  commander: 'cli',
  ora: 'cli',
  dockerode: 'docker',
  'tar-stream': 'layout',
  diff: 'install',
  undici: 'http',
  '@tufjs/models': 'trust',
  '@scure/bip39': 'trust',
  '@tufjs/canonical-json': 'content',
  'sha256-file': 'content',
  'age-encryption': 'seal',
  jose: 'license',
  '@peculiar/x509': 'tls',
  'reflect-metadata': 'tls',
  'node-forge': 'tls',
  zod: 'manifest',
  yaml: 'manifest',
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const imports = files.flatMap((file) => importsOf(file));

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\b[^;'"=]*\bfrom\s+'([^']+)';|\b(?:import|createRequire\(import\.meta\.url\)|require)\(\s*'([^']+)'/gm,
  );
  return [...found].map(([, stated, loaded]) => ({ file, target: (stated ?? loaded) as string }));
}

const roomOf = (file: string): string => file.split('/')[0] as string;
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room));
const targetFile = ({ file, target }: Import): string => relative(SRC, resolve(dirname(join(SRC, file)), target));
const isOurs = ({ target }: Import): boolean => target.startsWith('.');

describe('rooms', () => {
  it('are all on the map', () => {
    const rooms = new Set(files.filter((file) => file.includes('/')).map(roomOf));
    expect([...rooms].filter((room) => floorOf(room) < 0)).toEqual([]);
    expect(imports.length).toBeGreaterThan(100);
  });

  it('import only rooms that stand strictly lower, by their index', () => {
    const wrong = imports.filter(isOurs).filter((found) => {
      const target = targetFile(found);
      if (target === 'errors.ts' || target === '../package.json' || roomOf(target) === roomOf(found.file)) return false;
      return floorOf(roomOf(target)) <= floorOf(roomOf(found.file)) || target !== `${roomOf(target)}/index.ts`;
    });
    expect(wrong).toEqual([]);
  });

  it('have no cycle of files', () => {
    const edges = new Map<string, string[]>();
    for (const found of imports.filter(isOurs)) {
      edges.set(found.file, [...(edges.get(found.file) ?? []), targetFile(found)]);
    }
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) throw new Error(`cycle: ${[...path, file].join(' > ')}`);
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });

  it('have one dependency each to themselves', () => {
    const wrong = imports
      .filter((found) => !isOurs(found) && !found.target.startsWith('node:'))
      .filter(({ file, target }) => {
        const name = target
          .split('/')
          .slice(0, target.startsWith('@') ? 2 : 1)
          .join('/');
        return DEPENDENCIES[name] !== roomOf(file);
      });
    expect(wrong).toEqual([]);
  });

  it('end before 250 lines a file', () => {
    const long = files.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 250);
    expect(long).toEqual([]);
  });

  it('leave the process, the environment and the working folder to the command line', () => {
    const using = files.filter((file) => {
      if (roomOf(file) === 'cli') return false;
      return /process\.(exit|cwd|env|argv|stdout|stderr|stdin)\b/.test(readFileSync(join(SRC, file), 'utf8'));
    });
    expect(using).toEqual([]);
  });

  it('ask who they are only for the pid, the user and the version of Node.js', () => {
    const asked = files.flatMap((file) => {
      const text = readFileSync(join(SRC, file), 'utf8');
      const named = /import (.*) from 'node:process'/.exec(text)?.slice(1) ?? [];
      return file === 'cli/process.ts'
        ? []
        : [...named, ...(text.match(/\bprocess\.(?!ts\b|kill\b|getBuiltinModule\b)\w+/g) ?? [])];
    });
    expect(new Set(asked)).toEqual(new Set(['process.pid', '{ geteuid }', '{ version as node }']));
  });
});

describe('package-lock.json', () => {
  const lock = readFileSync(join(SRC, '../package-lock.json'), 'utf8');

  it('holds no download addresses', () => {
    expect(lock).not.toMatch(/"resolved":/);
    expect(lock).toMatch(/"integrity":/);
  });

  it("states no Node.js version for a platform's package: npm would leave it out under the Node.js of an old machine", () => {
    const packages: Record<string, { os?: string[]; cpu?: string[]; engines?: object }> = JSON.parse(lock).packages;
    const forPlatforms = Object.entries(packages).filter(([, { os, cpu }]) => os !== undefined || cpu !== undefined);
    expect(forPlatforms.length).toBeGreaterThan(10);
    expect(forPlatforms.filter(([, { engines }]) => engines !== undefined).map(([path]) => path)).toEqual([]);
  });
});
