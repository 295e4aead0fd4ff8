/**
 * The little that ferry needs of a compose file (compose-spec, services): which service runs which image, and an
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
  const document = parseDocument(Buffer.from(bytes).toString('utf8'), { prettyErrors: false, merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw invalid(fault.message.split('\n')[0] ?? '', fault);
  const services = field(toJS(document), 'services');
  return Object.keys(services ?? {}).flatMap((service) => {
    const image = field(services, service)?.['image'];
    return typeof image === 'string' ? [{ service, image }] : [];
  });
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
