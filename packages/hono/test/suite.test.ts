import { adapterSuite } from "@kmkit/testkit";
import { mount } from "./mount.ts";
import { onNode } from "./skips.ts";

adapterSuite("Hono 4 on Node", mount, { skip: onNode });
