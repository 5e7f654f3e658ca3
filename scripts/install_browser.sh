#!/usr/bin/env bash
# Install Chromium from the system's own packages, for the tests that open reports in a real browser.
# Does nothing where one is there; says so and fails where it cannot be had: those tests then skip.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "install Chromium with your package manager: tests that need a browser skip without it" >&2
  exit 1
fi
timeout 120 apt-get -qq update
DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -qq install -y --no-install-recommends chromium
