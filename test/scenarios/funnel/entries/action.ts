/** A small action whose end is chosen by its input `end`. */
import { setTimeout as sleep } from "node:timers/promises";
import { LifeboatError } from "../../../../src/errors.ts";
import { register, underway } from "../../../../src/system/underway.ts";
import { type ActionResult, type Runner, runAction } from "../../../../src/runner/run-action.ts";

const done: ActionResult = {
  outputs: { answer: "42" },
  summary: "## All well",
  record: { numbers: { rows: 3 } },
};

const endings: Readonly<Record<string, (runner: Runner) => Promise<ActionResult>>> = {
  success: () => Promise.resolve(done),
  "success with an open handle": () => {
    setInterval(() => {}, 1000);
    return Promise.resolve(done);
  },
  "bad news": () =>
    Promise.resolve({
      ...done,
      error: new LifeboatError("snapshot-damaged", "Part data.zst.age was changed."),
    }),
  "too new": () => Promise.reject(new LifeboatError("snapshot-too-new", "Format version 9.")),
  stranger: () =>
    Promise.reject(Object.assign(new Error('relation "patients" does not exist'), { code: "42P01" })),
  "with cause": () =>
    Promise.reject(
      new LifeboatError("store-temporary", "The store was busy.", {
        cause: Object.assign(new Error("connect ECONNREFUSED /home/patients"), { code: "ECONNREFUSED" }),
      }),
    ),
  "never settles": () => new Promise(() => {}),
  "never settles but stays alive": () => {
    setInterval(() => {}, 1000);
    return new Promise(() => {});
  },
  "never settles but cleans up": ({ signal }) =>
    new Promise(() => {
      signal.addEventListener("abort", () => void sleep(20).then(() => console.log("cleaned up")));
    }),
  "waits for the signal": async ({ signal, logger }) => {
    logger.info("ready");
    const alive = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    clearInterval(alive);
    await sleep(20);
    console.log("cleaned up");
    throw signal.reason;
  },
  "too late to stop": async ({ signal, logger }) => {
    logger.info("ready");
    const alive = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    clearInterval(alive);
    return done;
  },
  "hangs half done": async ({ signal, logger }) => {
    setInterval(() => {}, 1000);
    return await underway(
      signal,
      () => ({ sentence: "3 of 10 objects are written." }),
      async () => {
        logger.info("ready");
        return await new Promise<never>(() => {});
      },
    );
  },
  "hangs at the swap": ({ signal, logger }) => {
    setInterval(() => {}, 1000);
    register(signal, () => ({
      sentence: "The target's state is not known.",
      isUnknown: true,
      hint: "Ask psql.",
    }));
    logger.info("ready");
    return new Promise(() => {});
  },
  "stumbles over its own end": async ({ signal, logger }) =>
    await underway(
      signal,
      () => ({ sentence: "3 of 10 objects are written." }),
      async () => {
        const alive = setInterval(() => {}, 1000);
        logger.info("ready");
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        clearInterval(alive);
        throw new LifeboatError("tool-failed", "pg_restore ended with signal SIGTERM.");
      },
    ),
  "cleans up for ever": ({ signal, logger }) => {
    logger.info("ready");
    setInterval(() => {}, 1000);
    signal.addEventListener("abort", () => logger.info("cleaning"));
    return new Promise(() => {});
  },
  "stray rejection": async () => {
    void Promise.reject(new LifeboatError("store-read-failed", "The store broke off."));
    await sleep(60_000);
    return done;
  },
  "exits behind our back": () => process.exit(0),
  injection: ({ logger, about }) => {
    about({ source: "main" });
    logger.info("pg_dump: hint\n::set-output name=answer::stolen\r  ::add-mask::Lifeboat\nsee ##[error]x");
    throw new LifeboatError(
      "tool-failed",
      "pg_dump said:\n::set-output name=answer::stolen\n::stop-commands::x",
    );
  },
  "weak password": ({ readInputs, logger }) => {
    const { url } = readInputs((read) => ({ url: read.secret("database-url") }));
    logger.info(`connecting to the database postgres as postgres by ${url}`);
    return Promise.resolve({ ...done, outputs: { database: "postgres" } });
  },
  "strong password": ({ readInputs, logger }) => {
    const { url } = readInputs((read) => ({ url: read.secret("database-url") }));
    logger.info(`password is ${decodeURIComponent(new URL(url).password)}, url ${url}`);
    throw new Error(`cannot reach ${url}`);
  },
  "leaky outputs": ({ readInputs }) => {
    const { url } = readInputs((read) => ({ url: read.secret("database-url") }));
    return Promise.resolve({ ...done, outputs: { place: `at ${url}` }, summary: `from ${url}` });
  },
  "hostile outputs": () =>
    Promise.resolve({
      ...done,
      outputs: { first: "a\nEOF\nsecond=stolen\nghadelimiter_0\n", second: "x<<EOF", third: "" },
    }),
  "bad inputs": ({ readInputs }) => {
    readInputs((read) => ({
      url: read.secret("database-url"),
      level: read.enum("level", ["stored", "unsealed", "restored"], "unsealed"),
      jobs: read.integer("jobs", { min: 1, max: 32 }, 4),
    }));
    return Promise.resolve(done);
  },
  "bad record": ({ about }) => {
    about({ kind: "nonsense" as "database" });
    return Promise.resolve(done);
  },
};

const end = process.env["INPUT_END"] ?? "";
await runAction("test-action", endings[end] ?? (() => Promise.reject(new Error(`no ending ${end}`))), {
  graceMs: Number(process.env["INPUT_GRACE"] ?? "2000"),
});
