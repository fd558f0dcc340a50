/** The user's own commands around a restore, which stop and start the application. */
import { exec } from "@actions/exec";
import { LifeboatError } from "../errors.ts";
import { childEnvironment } from "../system/environment.ts";
import type { Logger } from "../system/logger.ts";

/**
 * Runs a command with `bash -euo pipefail`. It comes from the workflow's own inputs, never from a dispatch, and gets
 * none of our secrets: only what `childEnvironment` hands on, and `env`.
 */
export function runnerHook(
  logger: Logger,
): (command: string, env: Readonly<Record<string, string>>) => Promise<void> {
  return async (command, env) => {
    const said: string[] = [];
    const listen = (line: string): void => void said.push(line);
    const code = await exec("bash", ["-euo", "pipefail", "-c", command], {
      silent: true,
      ignoreReturnCode: true,
      env: childEnvironment(env),
      listeners: { stdline: listen, errline: listen },
    });
    // Our logger keeps what the command prints from being taken for commands to the runner.
    for (const line of said) logger.info(line);
    if (code !== 0) throw new LifeboatError("hook-failed", `the command ended with exit code ${code}.`);
  };
}
