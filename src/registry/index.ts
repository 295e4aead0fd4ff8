/** Reading from OCI registries: references resolved, documents and blobs fetched and proven. */
export type { RegistryClient, RegistryOptions } from './client.ts';
export { openRegistry } from './client.ts';
export type { RegistryCode } from './error.ts';
export { RegistryError } from './error.ts';
export type { RegistryProbe, RegistryProbeOptions } from './probe.ts';
export { openRegistryProbe } from './probe.ts';
