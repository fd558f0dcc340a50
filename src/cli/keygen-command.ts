import { writeFile } from "node:fs/promises";
import { LifeboatError } from "../errors.ts";
import { generateIdentity } from "../seal/identities.ts";
import type { CliCommand } from "./cli-command.ts";

export const keygenCommand: CliCommand = {
  path: ["keygen"],
  summary: "make a new key: the identity into a file, the recipient on stdout",
  configure: (command) =>
    command
      .option("--out <file>", "where to write the identity; must not exist")
      .option("--post-quantum", "a post-quantum key (opens with age 1.3 and later)"),
  async run(cli, flags) {
    const { out, postQuantum } = cli.readInputs(flags, (read) => ({
      out: read.string("out"),
      postQuantum: read.boolean("post-quantum", false),
    }));
    const { fileText, recipient } = await generateIdentity({ postQuantum, created: cli.clock.now() });
    try {
      // Never over another key: it may be the only one that opens somebody's backups.
      await writeFile(out, fileText, { flag: "wx", mode: 0o600 });
    } catch (cause) {
      throw new LifeboatError("input-invalid", `The identity cannot be written to ${out}.`, {
        hint: "Name a file that does not exist, in a folder that you may write.",
        cause,
      });
    }
    return {
      document: { recipient, identityFile: out },
      text: `${recipient}\n\nThe identity is in ${out}. Keep a copy offline: without it nobody opens the backups.`,
    };
  },
};
