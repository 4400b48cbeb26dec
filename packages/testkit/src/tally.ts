import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/** The closing line of a test run: `N passed, N failed`. A file that cannot be loaded, a broken hook and a loose rejection count as failed. */
export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const passed = states.filter((state) => state === "passed").length;
    const failed = states.filter((state) => state === "failed").length;
    const skipped = states.length - passed - failed;
    const broken = modules.flatMap((module) => [module, ...module.children.allSuites()]).filter((suite) => suite.errors().length > 0);
    console.log(`\n${passed} passed, ${failed + broken.length + errors.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  }
}
