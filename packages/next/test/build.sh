#!/usr/bin/env bash
# Builds the apps that the tests start; what `next build` says stands beside what is built. A built app is never built again by a test.
set -euo pipefail
cd "$(dirname "$0")"
export NEXT_TELEMETRY_DISABLED=1 NO_COLOR=1
next=$(node -p 'require.resolve("next/dist/bin/next")')

build() { # the app's folder, the folder for what is built, options of `next build`
  local log
  log=$(mktemp)
  (cd "$1" && DIST=$2 node "$next" build "${@:3}") >"$log" 2>&1 || { cat "$log"; exit 1; }
  mv "$log" "$1/$2/build.log"
}

# The Next suite's app, also on Next 15 (apps/with-next15). And once without us, to compare the routes and what browsers get.
build app .next
build app .next-webpack --webpack
PLAIN=1 build app .next-plain

# The app of the suite of all adapters, which runs in the test's own process: route handlers on both runtimes.
build suiteapp .next

# Partial prerendering, and what is cached for everybody (see cached.test.ts).
build ppr .next

# The app of the README.
build readme .next

# Session sources. The Pages Router, and routes on both runtimes. A small app for a server that is copied elsewhere.
build sessions .next
build pages .next
build small .next-standalone
