/** The user's own commands around a restore, which stop and start the application. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { LifeboatError } from "../errors.ts";
import type { Logger } from "../system/logger.ts";
import { describeExit, endGroup, startTool } from "../system/process.ts";

/** What a command leaves running in the background may hold its output open; its own exit is what counts. */
const lastLinesMs = 1000;
/** From a polite end to a hard one. */
const patienceMs = 1000;

/**
 * Runs a command with `bash -euo pipefail`. It comes from the workflow's own inputs, never from a dispatch, and gets
 * none of our secrets: only what `childEnvironment` hands on, and `env`. It is the head of a process group of its own:
 * Ctrl-C is ours to hand on, and `signal` ends everything that it has started.
 */
export function runnerHook(
  logger: Logger,
): (command: string, env: Readonly<Record<string, string>>, signal?: AbortSignal) => Promise<void> {
  return async (command, env, signal) => {
    const tool = await startTool(
      { program: "bash", args: ["-euo", "pipefail", "-c", command], env, detached: true },
      ["ignore", "pipe", "pipe"],
    );
    for (const input of [tool.child.stdout, tool.child.stderr]) {
      // Our logger keeps what the command prints from being taken for commands to the runner.
      if (input !== null) createInterface({ input }).on("line", (line) => logger.info(line));
    }
    const stop = (): void => {
      endGroup(tool, "SIGTERM");
      setTimeout(() => endGroup(tool, "SIGKILL"), patienceMs).unref();
    };
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
    const exited = once(tool.child, "exit").then(async () => {
      await Promise.race([tool.exited, delay(lastLinesMs, undefined, { ref: false })]);
    });
    await Promise.race([exited, tool.exited]);
    signal?.removeEventListener("abort", stop);
    const { exitCode: code, signalCode } = tool.child;
    if (code === 0) return;
    const how = describeExit("the command", { code, signal: signalCode, stderr: "" });
    throw new LifeboatError("hook-failed", `${how}.`);
  };
}
