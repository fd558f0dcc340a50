/** Appends records from a process of its own: `node … <directory or URL of the API> <how many> <name>`. */
import { githubLedger } from "../../../src/ledger/github-branch.ts";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock as clock } from "../../../src/system/clock.ts";
import { silentLogger as logger } from "../../../src/system/logger.ts";

const [, , place = "", count = "0", name = ""] = process.argv;
const ledger = place.startsWith("http")
  ? githubLedger({ repository: { owner: "acme", name: "app" }, token: "right", apiUrl: place, clock })
  : storeLedger(directoryStore({ path: place, clock, logger }), clock);
for (let number = 0; number < Number(count); number += 1) {
  await ledger.append({
    act: "db-backup",
    source: "database",
    store: "artifacts:",
    heads: [],
    witnessed: [],
    by: { name: `${name}-${number}` },
    time: clock.now().toISOString(),
  });
}
