import { adapterSuite } from "@kmkit/testkit";
import { bundle, mountOf } from "./edgemount.ts";
import { onTheEdge } from "./skips.ts";

const script = await bundle("./edgeapp.ts");

adapterSuite("Hono 4 on a fetch-only runtime", mountOf(script), { skip: onTheEdge });
