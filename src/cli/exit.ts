/** The one funnel of every command: the same guarantees as for actions, in words for a terminal. */
import { CommanderError } from "commander";
import { LifeboatError } from "../errors.ts";
import { reportError } from "../runner/error-report.ts";
import { type InputReader, readInputs } from "../runner/input-reader.ts";
import type { GroupingLogger } from "../runner/logger.ts";
import { errorOf, guardProcess, tooLate } from "../runner/process-guard.ts";
import { createSecrets, type Secrets } from "../runner/secrets.ts";
import { type Clock, systemClock } from "../system/clock.ts";
import { useProxyOfEnvironment } from "../system/proxy.ts";
import { type FlagValues, flagSource, refuseSecretsInArgv } from "./flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

/** What a command is given. */
export interface Cli {
  readonly terminal: Terminal;
  readonly logger: GroupingLogger;
  readonly secrets: Secrets;
  readonly clock: Clock;
  /** Aborts on Ctrl-C and on defects: stop children, remove what is unfinished. */
  readonly signal: AbortSignal;
  /** A terminal belongs to one person. */
  readonly disclosure: "names";
  readonly readInputs: <T>(flags: FlagValues, shape: (read: InputReader) => T) => T;
}

export interface CommandResult {
  /** Printed with --json: the only thing on stdout. */
  readonly document: unknown;
  /** Printed without it. */
  readonly text: string;
  /** Bad news after orderly work: the result is printed, then this decides the exit code. */
  readonly error?: LifeboatError;
}

/**
 * Runs one command line to the end of the process; parse it inside `command`, so that its errors come here too.
 * The flags --json and --verbose are looked for in `argv` itself, because they count also where parsing fails.
 */
export function runCommand(
  argv: readonly string[],
  command: (cli: Cli) => Promise<CommandResult>,
): Promise<never> {
  process.exitCode = 1;
  useProxyOfEnvironment();
  const isJson = argv.includes("--json");
  const isVerbose = argv.includes("--verbose");
  const secrets = createSecrets();
  const clock = systemClock;
  const { stdout, stderr } = process;
  const terminal = createTerminal({ secrets, clock, isJson, isVerbose, stdout, stderr });
  // Whoever closes the pipe early (`| head`) did not get the whole result.
  stdout.on("error", () => void (process.exitCode = 1));

  return guardProcess<CommandResult | undefined>({
    work: async (signal) => {
      refuseSecretsInArgv(argv);
      return await command({
        terminal,
        logger: terminal.logger,
        secrets,
        clock,
        signal,
        disclosure: "names",
        readInputs: (flags, shape) => readInputs(flagSource(flags), secrets, shape),
      }).catch(helpOrProblem);
    },
    timeLimitMs: () => Number.POSITIVE_INFINITY,
    conclude: (ending) => {
      const result = "value" in ending ? ending.value : undefined;
      const error = errorOf(ending);
      if (result !== undefined) terminal.result(result.document, result.text);
      if (error !== undefined) announce(error, terminal);
      const late = tooLate(ending);
      if (late !== undefined) terminal.say(`Note: ${late}`);
      if (error !== undefined && isJson && !terminal.hasResult) {
        const { code, message, hint, exitCode } = error;
        terminal.result({ error: { code, message, hint }, exitCode }, "");
      }
      return error?.exitCode ?? 0;
    },
  });
}

/** Commander throws for `--help` and `--version` too, after it has printed them. */
function helpOrProblem(thrown: unknown): undefined {
  if (!(thrown instanceof CommanderError)) throw thrown;
  if (thrown.exitCode === 0) return undefined;
  const sentence = thrown.code === "commander.help" ? "No command was given." : thrown.message;
  throw new LifeboatError("input-invalid", sentence.replace(/^error: /, ""), {
    hint: "Add --help to see what the command takes.",
  });
}

function announce(error: LifeboatError, terminal: Terminal): void {
  const { code, sentence, hint, details } = reportError(error, "names");
  terminal.say(`Error: ${sentence}`);
  terminal.say(`Hint: ${hint}`);
  for (const detail of details) terminal.say(detail);
  terminal.say(`(${code}: docs/errors.md#${code})`);
}
