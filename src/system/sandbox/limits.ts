/** How much an isolated program may take; docs/sandbox.md states these. */
import { totalmem } from "node:os";

export interface SandboxLimits {
  /** Address space of each process. */
  readonly memoryBytes: number;
  /** Processes and threads together. */
  readonly processes: number;
  /** Size of one file. PostgreSQL cuts its own at 1 GiB. */
  readonly fileBytes: number;
  readonly openFiles: number;
  /** Each of the two folders in memory, /tmp and /dev/shm. */
  readonly scratchBytes: number;
  /** How long it may run; then everything in it is killed. */
  readonly milliseconds: number;
}

const gibibyte = 2 ** 30;
const hourMs = 3_600_000;

/** A job of GitHub's own machines ends after six hours, too. */
export function usualLimits(): SandboxLimits {
  return {
    memoryBytes: Math.max(4 * gibibyte, Math.floor(totalmem() / 2)),
    processes: 256,
    fileBytes: 4 * gibibyte,
    openFiles: 4096,
    scratchBytes: gibibyte / 4,
    milliseconds: 6 * hourMs,
  };
}

/** prlimit and its arguments, to be put before a program. */
export function limiting({ memoryBytes, processes, fileBytes, openFiles }: SandboxLimits): readonly string[] {
  return [
    "prlimit",
    `--as=${memoryBytes}`,
    `--nproc=${processes}`,
    `--fsize=${fileBytes}`,
    `--nofile=${openFiles}`,
    "--core=0",
    "--",
  ];
}
