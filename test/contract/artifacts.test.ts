import { withRetries } from "../../src/store/with-retries.ts";
import { artifactsIn } from "../fakes/github/artifact-store.ts";
import { faultyStore } from "../fakes/faulty-store.ts";
import { storeContract } from "./store.ts";

storeContract(
  "GitHub artifacts",
  async () => {
    const place = await artifactsIn();
    return { store: place.open(), another: () => place.open(), close: place.close };
  },
  { tellsSources: false, expires: true },
);

storeContract(
  "GitHub artifacts that fail once after each act, with retries",
  async () => {
    const place = await artifactsIn();
    const retrying = () =>
      withRetries(
        faultyStore(
          place.open(),
          (["begin", "put", "delete", "draft.commit"] as const).map((method) => ({
            method,
            when: "after" as const,
            error: "temporary" as const,
          })),
        ),
        { sleep: () => Promise.resolve() },
      );
    return { store: retrying(), another: retrying, close: place.close };
  },
  { tellsSources: false, expires: true },
);
