#!/usr/bin/env bash
# Builds a Debian package with all that the program needs but Python itself and the system's screen
# libraries: resources/install/linux/build-deb.sh [FOLDER]   (default: dist)
# Needs Debian's own Python 3.11 with venv, dpkg-deb, and the package registry that pip is set to.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

readonly OUT=${1:-dist}
readonly PYTHON=/usr/bin/python3.11  # the package uses the system's; another one would not be there
readonly HOME_OF_PROGRAM=/opt/osteoplan
readonly DEV_ONLY=(
  editables hatchling hypothesis import-linter mypy nibabel pypdf pytest pytest-timeout
  pytest-xdist ruff scikit-fem scipy-stubs trustme types-PyYAML types-reportlab
)
readonly SCREEN="libgl1, libegl1, libglx-mesa0, libgl1-mesa-dri, libxcb-cursor0, libxkbcommon-x11-0, libxcb-icccm4, libxcb-keysyms1, libxcb-image0, libxcb-render-util0, libxcb-shape0, libxcb-randr0, libxcb-xkb1, libx11-xcb1, libfontconfig1, libdbus-1-3"

say() { printf '%s\n' "build-deb: $*" >&2; }

[ -x "$PYTHON" ] || { say "$PYTHON is not there; install python3.11 and python3-venv"; exit 1; }
version=$("$PYTHON" -c 'import tomllib; print(tomllib.load(open("pyproject.toml","rb"))["project"]["version"])')
architecture=$(dpkg --print-architecture)
name=osteoplan_${version}_${architecture}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/$name
program=$root$HOME_OF_PROGRAM

say "installing the locked libraries"
mkdir -p "$root/opt"
"$PYTHON" -m venv "$program"
pip=("$program/bin/python" -m pip --disable-pip-version-check -qq)
"${pip[@]}" install --require-hashes --only-binary :all: -r requirements.txt
"${pip[@]}" install --no-deps --no-build-isolation .
"${pip[@]}" uninstall -y "${DEV_ONLY[@]}"
"${pip[@]}" uninstall -y pip setuptools

say "turning paths to $HOME_OF_PROGRAM"
grep -rlI "$program" "$program/bin" "$program/pyvenv.cfg" | xargs sed -i "s|$program|$HOME_OF_PROGRAM|g"
find "$program" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$program" -type d -name tests -path '*site-packages*' -prune -exec rm -rf {} +

say "menu entry, icon, kind of file"
install -Dm644 resources/install/linux/osteoplan.desktop "$root/usr/share/applications/osteoplan.desktop"
install -Dm644 resources/icons/osteoplan.svg "$root/usr/share/icons/hicolor/scalable/apps/osteoplan.svg"
install -Dm644 resources/install/linux/osteoplan-mime.xml "$root/usr/share/mime/packages/osteoplan.xml"
install -Dm644 README.md "$root/usr/share/doc/osteoplan/README.md"
install -Dm644 docs/user-guide.md "$root/usr/share/doc/osteoplan/user-guide.md"
mkdir -p "$root/usr/bin"
ln -s "$HOME_OF_PROGRAM/bin/osteoplan" "$root/usr/bin/osteoplan"

mkdir -p "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: osteoplan
Version: $version
Architecture: $architecture
Maintainer: Osteoplan <osteoplan@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: python3 (>= 3.11), python3 (<< 3.12), $SCREEN
Section: science
Priority: optional
Description: planning workstation for painful bone metastases
 From the CT to a plan that can be defended: lesion, access, ablation, technique and doses.
 A planning aid, not a certified medical device. The physician decides.
CONTROL
cat >"$root/DEBIAN/postinst" <<POSTINST
#!/bin/sh
set -e
$HOME_OF_PROGRAM/bin/python -m compileall -q $HOME_OF_PROGRAM/lib >/dev/null 2>&1 || true
echo "osteoplan: compiling the simulator, a minute" >&2
$HOME_OF_PROGRAM/bin/python -m planning.ablation.ahead >/dev/null 2>&1 || true
POSTINST
cat >"$root/DEBIAN/prerm" <<PRERM
#!/bin/sh
set -e
find $HOME_OF_PROGRAM -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
PRERM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"

mkdir -p "$OUT"
say "packing"
dpkg-deb --root-owner-group -Zzstd -z3 --build "$root" "$OUT/$name.deb" >&2
printf '%s\n' "$OUT/$name.deb"
