/** A small command line whose end is chosen by its first argument. */
import { Command } from "commander";
import { runCommand } from "../../../../src/cli/exit.ts";
import { LifeboatError } from "../../../../src/errors.ts";

const argv = process.argv.slice(2);

await runCommand(argv, async ({ terminal, readInputs, signal }) => {
  const program = new Command("lifeboat").exitOverride().configureOutput({ writeErr: () => {} });
  program.option("--json").option("--verbose").option("--url <place>").argument("<end>");
  program.parse(argv, { from: "user" });
  switch (program.args[0] ?? "") {
    case "good": {
      const { url } = readInputs(program.opts(), (read) => ({ url: read.optional.secret("url") }));
      terminal.logger.info(`working with ${url ?? "nothing"}`);
      return { document: { verdict: "passed" }, text: "All is well." };
    }
    case "damaged":
      return {
        document: { verdict: "failed" },
        text: "Part 3 is damaged.",
        error: new LifeboatError("snapshot-damaged", "Part 3 was changed."),
      };
    case "throws":
      throw new LifeboatError("store-temporary", "The store was busy.", { cause: new Error("ECONNREFUSED") });
    case "hangs":
      return await new Promise(() => {});
    case "waits":
      console.error("ready");
      await new Promise((resolve) => {
        const alive = setInterval(() => {}, 1000);
        signal.addEventListener("abort", () => {
          clearInterval(alive);
          resolve(undefined);
        });
      });
      throw signal.reason;
    default:
      throw new Error("no such end");
  }
});
