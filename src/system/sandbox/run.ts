/** Starts isolated programs. Stdin is the life line of each: it ends when we close that or are killed, and reads nothing. */
import { LifeboatError } from "../../errors.ts";
import { type RunningTool, startTool, type ToolCommand, type ToolExit } from "../process.ts";
import { shutDescriptors } from "./descriptors.ts";

export interface SandboxedRun {
  readonly exit: ToolExit;
  readonly stdout: Buffer;
}

const maxOutputBytes = 64 * 1024 * 1024;

/** `output`: what stdout and stderr become. Call `endSandboxed` to end it. */
export async function startSandboxed(command: ToolCommand, output: "pipe" | number): Promise<RunningTool> {
  const shut = shutDescriptors();
  try {
    const stdio = ["pipe", output, output, ...shut.stdio] as const;
    const tool = await startTool({ ...command, cwd: "/", detached: true }, [...stdio]);
    tool.child.stdin?.on("error", () => {});
    return tool;
  } finally {
    shut.close();
  }
}

/** Kills everything inside and removes its files; resolves once that is done. */
export async function endSandboxed({ child, exited }: RunningTool): Promise<void> {
  child.stdin?.destroy();
  await exited;
}

/** Throws `tool-failed` where it writes too much or takes too long; any other end is the caller's to judge. */
export async function runToEnd(
  command: ToolCommand,
  { milliseconds }: { readonly milliseconds: number },
): Promise<SandboxedRun> {
  const { child, exited } = await startSandboxed(command, "pipe");
  const chunks: Buffer[] = [];
  let bytes = 0;
  let problem: string | undefined;
  const stop = (reason: string): void => {
    problem ??= reason;
    child.stdin?.destroy();
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutputBytes) stop(`wrote more than ${maxOutputBytes} bytes`);
    else chunks.push(chunk);
  });
  const timer = setTimeout(() => stop(`did not finish within ${milliseconds} ms`), milliseconds);
  const exit = await exited;
  clearTimeout(timer);
  child.stdin?.destroy();
  if (problem !== undefined) throw new LifeboatError("tool-failed", `An isolated program ${problem}.`);
  return { exit, stdout: Buffer.concat(chunks) };
}
