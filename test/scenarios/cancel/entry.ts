/** `lifeboat` from the sources; says when it is loaded, so that instants are those of the work. */
import { runCli } from "../../../src/cli/run-cli.ts";

process.stderr.write("LOADED\n");
await runCli();
