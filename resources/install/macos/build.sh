#!/usr/bin/env bash
# Builds a package for macOS. NOT TRIED: see resources/install/README.md.
# Needs Python 3.11 from python.org and the command line tools of Xcode:
#   resources/install/macos/build.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
readonly PYTHON=/Library/Frameworks/Python.framework/Versions/3.11/bin/python3.11
readonly APP=build/macos/Osteoplan.app
version=$("$PYTHON" -c 'import tomllib; print(tomllib.load(open("pyproject.toml","rb"))["project"]["version"])')
rm -rf build/macos
mkdir -p "$APP/Contents/MacOS" "$APP/Contents/Resources" dist
"$PYTHON" -m venv --copies "$APP/Contents/Resources/venv"
"$APP/Contents/Resources/venv/bin/python" -m pip install --require-hashes --only-binary :all: -r requirements.txt
"$APP/Contents/Resources/venv/bin/python" -m pip install --no-deps --no-build-isolation .
cp resources/icons/osteoplan.svg "$APP/Contents/Resources/"
cat >"$APP/Contents/MacOS/Osteoplan" <<'LAUNCH'
#!/bin/sh
here=$(cd "$(dirname "$0")/../Resources" && pwd)
exec "$here/venv/bin/python" -m app "$@"
LAUNCH
chmod +x "$APP/Contents/MacOS/Osteoplan"
cat >"$APP/Contents/Info.plist" <<PLIST
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleName</key><string>Osteoplan</string>
<key>CFBundleIdentifier</key><string>org.osteoplan.workstation</string>
<key>CFBundleVersion</key><string>$version</string>
<key>CFBundleExecutable</key><string>Osteoplan</string>
<key>NSHighResolutionCapable</key><true/>
</dict></plist>
PLIST
pkgbuild --install-location /Applications --component "$APP" "dist/osteoplan-$version.pkg"
