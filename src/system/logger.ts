/**
 * Given to those who narrate. `info` tells outcomes with numbers, `warning` means "act", `debug` shows commands.
 * Errors are not logged here: they travel to the funnel, which speaks once.
 * A line must carry no secret and, unless the caller may disclose names, nothing from inside the backup.
 */
export interface Logger {
  info(line: string): void;
  warning(line: string): void;
  debug(line: string): void;
}

export const silentLogger: Logger = { info: () => {}, warning: () => {}, debug: () => {} };
