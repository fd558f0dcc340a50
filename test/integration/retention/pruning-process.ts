/** A pruning in a process of its own, to be killed: `node … <folder> <epoch of its clock>`. */
import { directoryStore } from "../../../src/store/directory.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { clockAt, prune } from "./shelter.ts";

const [, , path = "", epoch = "0"] = process.argv;
const clock = clockAt(new Date(Number(epoch)));
const store = directoryStore({ path, clock, logger: silentLogger });
process.stdout.write("ready\n");
const { removed } = await prune(store, clock);
process.stdout.write(`removed ${removed.length}\n`);
