/** Before all tests: the programs that most files need are there, so that no test's time limit pays for a download. */
import { builtBundle } from "./bundle.ts";
import { clientBinDir, majorsAvailable } from "./servers.ts";

export default async function setup(): Promise<void> {
  // One server and one client: the newest that Supabase runs on. Other majors come when a test asks for them.
  if ((await majorsAvailable([15, 17])).length === 0) {
    console.warn("SKIPPED: no PostgreSQL server for this machine, tests that need one do not run.");
  }
  await clientBinDir(17);
  // Whoever runs a few files while writing need not wait for it: tests that need the bundle ask for it themselves.
  if (process.env["LIFEBOAT_BUNDLE_LATER"] === undefined) await builtBundle();
}
