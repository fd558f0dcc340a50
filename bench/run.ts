/** `npm run bench -- NAME [options]`: what Lifeboat promises, measured against what it replaces. */
import { benchDatabase } from "./database.ts";
import { benchDatabaseMemory } from "./database-memory.ts";
import { benchInventory } from "./inventory.ts";
import { benchStorage } from "./storage.ts";
import { benchStore } from "./store.ts";

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  database: benchDatabase,
  "database-memory": benchDatabaseMemory,
  inventory: benchInventory,
  storage: benchStorage,
  store: benchStore,
};

const [name = "", ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(
    `Usage: npm run bench -- ${Object.keys(benches).join("|")} [options]; bench/README.md explains them.`,
  );
  process.exitCode = 2;
} else {
  await bench(args);
}
