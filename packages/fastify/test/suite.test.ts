import { adapterSuite } from "@kmkit/testkit";
import { mount } from "./mount.ts";

adapterSuite("Fastify 5", mount, {
  skip: {
    "with an object in place of a response: km is there, its commands leave, nothing is thrown":
      "a Fastify plugin runs only behind Fastify's routing, which needs a real response (a web socket plugin makes one)",
  },
});
