/**
 * The program as one CommonJS file: what `bin/main.ts` would load, in one text for every platform. Rooms that are loaded
 * lazily stay so: their code runs when a command needs it. Of packages what nobody reads is left out, for all of the text
 * is parsed at every start; our own code is as it was written, for the stack of a mistake is to mean something.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin, transform } from 'esbuild';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const EMPTY = fileURLToPath(new URL('empty.cjs', import.meta.url));

/** dockerode asks for these when it is loaded, for builds and its own SSH, and we use neither. A native addon is in one. */
const NEVER_USED = ['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'];

const SMALLER_PACKAGES: Plugin = {
  name: 'smaller packages',
  setup: ({ onLoad }) => {
    onLoad({ filter: /node_modules\/.*\.[cm]?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const { code } = await transform(text, { minifyWhitespace: true, minifySyntax: true, legalComments: 'none' });
      return { contents: code };
    });
  },
};

export interface Script {
  readonly text: Uint8Array;
  /** The npm packages that are in it: their folders below `node_modules`, sorted. */
  readonly packages: readonly string[];
}

/** The same sources make the same text, in whatever folder the checkout lies. */
export async function bundleScript(): Promise<Script> {
  const { outputFiles, warnings, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['build/entry.ts'],
    outfile: 'ferry.cjs',
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    alias: Object.fromEntries(NEVER_USED.map((name) => [name, EMPTY])),
    legalComments: 'none',
    plugins: [SMALLER_PACKAGES],
    logLevel: 'silent',
  });
  // a warning is a mistake here: an `import.meta` that would be empty, an addon that would be missing
  const [warning] = warnings;
  if (warning) throw new Error(`bundle: ${warning.location?.file ?? ''}: ${warning.text}`);
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const packages = files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[0] ?? []);
  return { text: outputFiles[0]?.contents ?? new Uint8Array(), packages: [...new Set(packages)].toSorted() };
}
