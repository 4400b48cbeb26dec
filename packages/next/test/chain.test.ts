import { describe } from "vitest";
import { chain } from "./chain.ts";
import { builds } from "./served.ts";

describe.each(builds.filter(({ folder }) => !folder.includes("with-next15")))("$name", chain);
