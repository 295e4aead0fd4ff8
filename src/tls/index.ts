/** TLS certificates: what they say, whether one may take the place of another, and what a port serves. Bytes and a clock in; no state, no engine. The only room that imports @peculiar/x509 and node-forge. */
export { fullchainPEM } from './chain.ts';
export type { TLSCode } from './error.ts';
export { TLSError } from './error.ts';
export { fingerprintOf, issuerOf, namesOf, spkiOf } from './facts.ts';
export { type JudgedCertificate, judgeCertificate, type TLSRules } from './judge.ts';
export { MAX_TLS_BYTES, type Material, type ReadMaterialOptions, readMaterial, readRoots } from './material.ts';
export { canonicalIP, parseServerName } from './name.ts';
export { formatPEM } from './pem.ts';
export { type ProbeOptions, probe, type Served } from './probe.ts';
export { type RehearseOptions, rehearse } from './rehearse.ts';
export {
  type CertificateRequest,
  isRequest,
  type MakeRequestOptions,
  makeKey,
  makeRequest,
  readRequest,
} from './request.ts';
export { systemRoots } from './roots.ts';
export { type CertificateLevel, type CertificateState, certificateState } from './state.ts';
