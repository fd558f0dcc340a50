import { expect, test } from "vitest";
import { fanOut } from "../../../src/operations/fan-out.ts";

async function* numbers(ended: { value: boolean }, failAt = Infinity): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < 5; at += 1) {
      if (at === failAt) throw new Error("source broke");
      yield await Promise.resolve(Uint8Array.of(at));
    }
  } finally {
    ended.value = true;
  }
}

async function read(branch: AsyncIterable<Uint8Array>, most = Infinity): Promise<number[]> {
  const seen: number[] = [];
  for await (const [byte = -1] of branch) {
    seen.push(byte);
    if (seen.length === most) break;
  }
  return seen;
}

test("every reader sees every byte once", async () => {
  const branches = fanOut(numbers({ value: false }), 3);
  expect(await Promise.all(branches.map((branch) => read(branch)))).toEqual(
    branches.map(() => [0, 1, 2, 3, 4]),
  );
});

test("a reader that stops early, or never began, does not hold up the others", async () => {
  const ended = { value: false };
  const [one, two, three] = fanOut(numbers(ended), 3);
  const all = Promise.all([read(one!), read(two!, 2)]);
  await three!.close();
  expect(await all).toEqual([
    [0, 1, 2, 3, 4],
    [0, 1],
  ]);
  expect(ended.value).toBe(true);
});

test("the source ends when nobody reads any more", async () => {
  const ended = { value: false };
  const branches = fanOut(numbers(ended), 2);
  await Promise.all(branches.map((branch) => read(branch, 1)));
  expect(ended.value).toBe(true);
});

test("an error of the source reaches all that still read", async () => {
  const branches = fanOut(numbers({ value: false }, 3), 2);
  const ends = await Promise.allSettled(branches.map((branch) => read(branch)));
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
