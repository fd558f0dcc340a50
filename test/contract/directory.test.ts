import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryStore } from "../../src/store/directory.ts";
import { withRetries } from "../../src/store/with-retries.ts";
import { systemClock } from "../../src/system/clock.ts";
import { silentLogger } from "../../src/system/logger.ts";
import { faultyStore, type FaultyMethod } from "../fakes/faulty-store.ts";
import { storeContract, type StoreUnderTest } from "./store.ts";

async function temporaryStore(): Promise<StoreUnderTest> {
  const path = await mkdtemp(join(tmpdir(), "lifeboat-store-"));
  const another = () => directoryStore({ path, clock: systemClock, logger: silentLogger });
  return { store: another(), another, close: () => rm(path, { recursive: true, force: true }) };
}

storeContract("a directory", temporaryStore, { tellsSources: true, expires: false });

const faulty: readonly FaultyMethod[] = ["snapshots", "files", "begin", "put", "delete", "draft.commit"];

for (const when of ["before", "after"] as const) {
  storeContract(
    `a directory that fails once ${when} each act, with retries`,
    async () => {
      const place = await temporaryStore();
      const retrying = () => {
        // After the act a stream is used up, and nobody can put it again.
        const methods = when === "before" ? [...faulty, "putStream" as const] : faulty;
        const faults = methods.map((method) => ({ method, when, error: "temporary" as const }));
        return withRetries(faultyStore(place.another(), faults), { sleep: () => Promise.resolve() });
      };
      return { store: retrying(), another: retrying, close: place.close };
    },
    { tellsSources: true, expires: false },
  );
}
