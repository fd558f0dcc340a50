import { expect, it } from "vitest";
import { inOrder } from "../../../src/operations/in-order.ts";

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield await Promise.resolve(number);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(items);
}

it("gives results in the items' order, whichever is ready first", async () => {
  const waiting: (() => void)[] = [];
  const results = all(
    inOrder(numbers(5), (item) => new Promise<number>((resolve) => waiting.push(() => resolve(item * 10))), {
      window: 10,
      stalled: (isStalled) => {
        if (isStalled) for (const finish of waiting.toReversed()) finish();
      },
    }),
  );
  expect(await results).toEqual([0, 10, 20, 30, 40]);
});

it("never has more under way than its window, and says when it waits", async () => {
  let [underWay, most] = [0, 0];
  const stalls: boolean[] = [];
  const waiting: (() => void)[] = [];
  const start = async (item: number): Promise<number> => {
    most = Math.max(most, (underWay += 1));
    await new Promise<void>((resolve) => waiting.push(resolve));
    underWay -= 1;
    return item;
  };
  const stalled = (isStalled: boolean): void => {
    stalls.push(isStalled);
    // Work that waits for company ends only now.
    if (isStalled) for (const finish of waiting.splice(0)) finish();
  };
  expect(await all(inOrder(numbers(100), start, { window: 8, stalled }))).toHaveLength(100);
  expect(most).toBe(8);
  expect(stalls.filter(Boolean).length).toBeLessThan(100 / 4 + 2);
});

it("ends with the first failure, gives no result behind it, and leaves none unhandled", async () => {
  const seen: number[] = [];
  const failing = inOrder(
    numbers(6),
    async (item) => {
      if (item >= 3) throw new Error(`no ${item}`);
      return await Promise.resolve(item);
    },
    { window: 10, stalled: () => {} },
  );
  await expect(
    (async () => {
      for await (const item of failing) seen.push(item);
    })(),
  ).rejects.toThrow("no 3");
  expect([0, 1, 2].slice(0, seen.length)).toEqual(seen);
});

it("ends at a failure although older work never ends", { timeout: 5000 }, async () => {
  const never = new Promise<number>(() => {});
  const failing = inOrder(numbers(3), (item) => (item === 2 ? Promise.reject(new Error("no 2")) : never), {
    window: 10,
    stalled: () => {},
  });
  await expect(all(failing)).rejects.toThrow("no 2");
});

it("hands on what is ready, so that results which need no waiting are not kept until the window is full", async () => {
  const before: number[] = [];
  let given = 0;
  async function* counted(): AsyncGenerator<number> {
    for (let number = 0; number < 1000; number += 1) {
      before.push(number - given);
      yield await Promise.resolve(number);
    }
  }
  for await (const result of inOrder(counted(), (item) => Promise.resolve(item), {
    window: 1000,
    stalled: () => {},
  })) {
    expect(result).toBe(given);
    given += 1;
  }
  expect(given).toBe(1000);
  expect(Math.max(...before)).toBeLessThan(10);
});
