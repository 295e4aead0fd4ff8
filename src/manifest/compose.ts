/**
 * The little that ferry needs of a compose file (compose-spec, services): which services it has, which image each runs, and an
 * override that pins some of them to names that the engine holds. Nothing else of the file is read or judged.
 */
import { parseDocument, stringify } from 'yaml';
import { ManifestError } from './error.ts';

/** A service and the image it names, as written. */
export interface ComposeImage {
  readonly service: string;
  readonly image: string;
}

/** The images of a compose file, in its order; services that build are left out. @throws {ManifestError} `MANIFEST_YAML` */
export function parseComposeImages(bytes: Uint8Array): readonly ComposeImage[] {
  const services = readServices(bytes);
  return Object.keys(services).flatMap((service) => {
    const image = field(services, service)?.['image'];
    return typeof image === 'string' ? [{ service, image }] : [];
  });
}

/** The names of all services of a compose file. @throws {ManifestError} `MANIFEST_YAML` */
export function parseComposeServices(bytes: Uint8Array): readonly string[] {
  return Object.keys(readServices(bytes));
}

function readServices(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const document = parseDocument(Buffer.from(bytes).toString('utf8'), { prettyErrors: false, merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw invalid(fault.message.split('\n')[0] ?? '', fault);
  return field(toJS(document), 'services') ?? {};
}

/** A compose override in which each service runs the image named here and never pulls it. */
export function formatComposeOverride(services: readonly ComposeImage[]): string {
  const entries = services.map(({ service, image }) => [service, { image, pull_policy: 'never' }] as const);
  return stringify({ services: Object.fromEntries(entries) });
}

function toJS(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 200 });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'unreadable', error);
  }
}

function field(value: unknown, key: string): Readonly<Record<string, unknown>> | undefined {
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined;
}

function invalid(problem: string, cause: unknown): ManifestError {
  return new ManifestError(`read compose file: ${problem.replaceAll(/\p{Cc}/gu, ' ')}`, {
    code: 'MANIFEST_YAML',
    cause,
  });
}
