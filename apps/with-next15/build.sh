#!/usr/bin/env bash
# Builds the Next suite's app (packages/next/test/app) on Next 15, in a folder of its own. What is built of our packages is copied there and not
# linked: a link leads back to where Next 16 is.
set -euo pipefail
cd "$(dirname "$0")"
export NEXT_TELEMETRY_DISABLED=1 NO_COLOR=1
packages=../../packages
app=$packages/next/test/app
mkdir -p copy
(cd copy && rm -rf app lib pages node_modules ./*.ts)
cp -r $app/app $app/lib $app/pages $app/next.config.ts $app/package.json $app/tsconfig.json copy
# The JSX that Next 15 insists on.
sed -i.bak s/react-jsx/preserve/ copy/tsconfig.json && rm copy/tsconfig.json.bak
for name in core node next; do
  mkdir -p copy/node_modules/@kmkit/$name
  cp -r $packages/$name/dist $packages/$name/package.json copy/node_modules/@kmkit/$name
done

build() { # the runtime of its middleware, the folder for what is built, options of `next build`
  cp test/middleware.$1.ts copy/middleware.ts
  log=$(mktemp)
  (cd copy && DIST=$2 node ../node_modules/next/dist/bin/next build "${@:3}") >"$log" 2>&1 || { cat "$log"; exit 1; }
  mv "$log" copy/$2/build.log
}
build nodejs .next
build edge .next-edge
