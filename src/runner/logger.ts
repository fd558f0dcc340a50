/** The runner's log: groups and annotations, with secrets replaced and commands in other people's text disarmed. */
import * as core from "@actions/core";
import type { Logger } from "../system/logger.ts";
import { harmlessLines, harmlessText } from "./harmless-text.ts";
import type { Secrets } from "./secrets.ts";

/** A Logger that can also fold what belongs together. Groups do not nest: an inner one is only a heading. */
export interface GroupingLogger extends Logger {
  group<T>(title: string, work: () => Promise<T>): Promise<T>;
}

export function createRunnerLogger(secrets: Secrets): GroupingLogger {
  let isInGroup = false;
  const info = (line: string): void => {
    for (const part of harmlessLines(secrets.redact(line))) core.info(part);
  };
  return {
    info,
    warning: (line) => core.warning(printable(line, secrets), { title: "Lifeboat" }),
    debug: (line) => core.debug(printable(line, secrets)),
    async group(title, work) {
      if (isInGroup) {
        info(title);
        return await work();
      }
      isInGroup = true;
      core.startGroup(harmlessText(secrets.redact(title)));
      try {
        return await work();
      } finally {
        core.endGroup();
        isInGroup = false;
      }
    },
  };
}

/** Text for a command: the toolkit escapes line breaks, so several lines stay one command. */
export function printable(text: string, secrets: Secrets): string {
  return harmlessLines(secrets.redact(text)).join("\n");
}
