import { shopSuite } from "@kmkit/shop/suite";
import { afterAll, beforeAll } from "vitest";
import { close, listener, recorder, startAnew, url } from "./app.ts";
import { FormVisitor, seeAllForms } from "./visitor.ts";

beforeAll(async () => {
  startAnew(recorder().client);
  await seeAllForms(url);
});
afterAll(close);

shopSuite(
  (client) => {
    startAnew(client);
    return listener;
  },
  // A form comes back with the page that it stands on, whose status an action cannot choose.
  { visitor: (shop) => new FormVisitor(shop), refusal: 200 },
);
