import { expect, test } from "vitest";
import { allOrFirstError } from "../../../src/system/concurrency.ts";

test("results keep their order", async () => {
  expect(await allOrFirstError([Promise.resolve(1), "two", Promise.resolve(3)])).toEqual([1, "two", 3]);
});

test("the first failure stops the others, waits for them, and is the one thrown", async () => {
  const events: string[] = [];
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const echo = stopped.then(() => {
    events.push("the other ended");
    throw new Error("echo");
  });
  const failing = allOrFirstError([echo, Promise.reject(new Error("cause"))], () => {
    events.push("stop");
    stop();
  });
  await expect(failing).rejects.toThrow("cause");
  expect(events[0]).toBe("stop");
  expect(events).toContain("the other ended");
});
