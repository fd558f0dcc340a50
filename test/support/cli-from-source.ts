/** `lifeboat` from the sources, for tests that kill it: `node cli-from-source.ts ARGUMENTS`. */
import { runCli } from "../../src/cli/run-cli.ts";

await runCli();
