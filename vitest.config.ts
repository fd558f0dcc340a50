import { defineConfig } from "vitest/config";

export default defineConfig({
  // Packages whose source maps name files that they do not bring along.
  logLevel: "error",
  test: {
    include: ["test/**/*.test.ts"],
    // Real servers and child processes: two cores carry two files at once, not more.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    globalSetup: ["test/support/global-setup.ts"],
    // It imports JSON without saying so, which Node refuses.
    server: { deps: { inline: ["@actions/workflow-parser"] } },
  },
});
