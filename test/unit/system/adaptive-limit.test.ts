import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AdaptiveLimit, type Ending, type Slot } from "../../../src/system/adaptive-limit.ts";

async function acquireAll(limit: AdaptiveLimit, count: number): Promise<Slot[]> {
  return Promise.all(Array.from({ length: count }, () => limit.acquire()));
}

async function oneByOne(limit: AdaptiveLimit, count: number, how: Ending): Promise<void> {
  for (let at = 0; at < count; at += 1) (await limit.acquire()).end(how);
}

describe("an adaptive limit", () => {
  test("lets at most so many in, in the order of asking", async () => {
    const limit = new AdaptiveLimit(2);
    const order: number[] = [];
    const first = await acquireAll(limit, 2);
    const later = [1, 2, 3].map(async (number) => {
      const slot = await limit.acquire();
      order.push(number);
      return slot;
    });
    await turn();
    expect([limit.inUse, order]).toEqual([2, []]);
    first[0]?.end("succeeded");
    await later[0];
    expect([limit.inUse, order]).toEqual([2, [1]]);
    first[1]?.end("failed");
    (await later[0])?.end("succeeded");
    await Promise.all(later);
    expect(order).toEqual([1, 2, 3]);
  });

  test("halves when overloaded, down to one and no further", async () => {
    const limit = new AdaptiveLimit(9);
    const seen: number[] = [];
    for (let at = 0; at < 5; at += 1) {
      await oneByOne(limit, 1, "overloaded");
      seen.push(limit.limit);
    }
    expect(seen).toEqual([4, 2, 1, 1, 1]);
  });

  test("halves once for one overload that all who are under way feel", async () => {
    const limit = new AdaptiveLimit(8);
    for (const slot of await acquireAll(limit, 8)) slot.end("overloaded");
    expect(limit.limit).toBe(4);
  });

  test("lets nobody in after a halving until enough have left", async () => {
    const limit = new AdaptiveLimit(4);
    const slots = await acquireAll(limit, 4);
    let entered = false;
    const late = limit.acquire().then((slot) => {
      entered = true;
      return slot;
    });
    slots[0]?.end("overloaded");
    slots[1]?.end("failed");
    await turn();
    expect([limit.limit, limit.inUse, entered]).toEqual([2, 2, false]);
    slots[2]?.end("succeeded");
    await late;
    expect(limit.inUse).toBe(2);
  });

  test("grows by one after as many successes as it allows, up to the most", async () => {
    const limit = new AdaptiveLimit(4);
    await oneByOne(limit, 2, "overloaded");
    expect(limit.limit).toBe(1);
    await oneByOne(limit, 1, "succeeded");
    expect(limit.limit).toBe(2);
    await oneByOne(limit, 1, "succeeded");
    await oneByOne(limit, 3, "failed");
    expect(limit.limit).toBe(2);
    await oneByOne(limit, 1, "succeeded");
    expect(limit.limit).toBe(3);
    await oneByOne(limit, 30, "succeeded");
    expect(limit.limit).toBe(4);
  });

  test("counts a slot's first end only", async () => {
    const limit = new AdaptiveLimit(2);
    const [slot] = await acquireAll(limit, 2);
    slot?.end("failed");
    slot?.end("overloaded");
    expect([limit.inUse, limit.limit]).toEqual([1, 2]);
  });

  test("forgets who stopped waiting", async () => {
    const limit = new AdaptiveLimit(1);
    const slot = await limit.acquire();
    const abort = new AbortController();
    const waiting = limit.acquire(abort.signal);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    slot.end("succeeded");
    expect(limit.inUse).toBe(0);
    await expect(limit.acquire(abort.signal)).rejects.toThrow("enough");
  });
});
