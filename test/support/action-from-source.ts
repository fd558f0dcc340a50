/** An action from the sources, for tests that kill it: `node action-from-source.ts NAME`, with a runner's environment. */
import { runAction } from "../../src/main.ts";

await runAction(process.argv[2] as Parameters<typeof runAction>[0]);
