/** The package has no types of its own. */
declare module 'sha256-file' {
  export default function sha256File(path: string, done: (error: Error | null, hex?: string) => void): void;
}
