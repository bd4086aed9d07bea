# Builds an installer for Windows. NOT TRIED: see resources/install/README.md.
# Needs Python 3.11 from python.org and Inno Setup 6 (iscc on the PATH). Run in the checkout:
#   powershell -File resources\install\windows\build.ps1
$ErrorActionPreference = "Stop"
Set-Location (Join-Path $PSScriptRoot "..\..\..")
$stage = Join-Path $PWD "build\windows"
Remove-Item -Recurse -Force $stage -ErrorAction SilentlyContinue
New-Item -ItemType Directory -Force $stage | Out-Null

# The embeddable Python needs no installation and may lie anywhere.
$version = "3.11.9"
$zip = Join-Path $stage "python.zip"
Invoke-WebRequest "https://www.python.org/ftp/python/$version/python-$version-embed-amd64.zip" -OutFile $zip
Expand-Archive $zip (Join-Path $stage "python")
Remove-Item $zip
Set-Content (Join-Path $stage "python\python311._pth") "python311.zip`n.`nLib\site-packages`nimport site"

$site = Join-Path $stage "python\Lib\site-packages"
py -3.11 -m pip install --target $site --require-hashes --only-binary :all: -r requirements.txt
py -3.11 -m pip install --target $site --no-deps .

Copy-Item resources\icons\osteoplan.svg $stage
Set-Content (Join-Path $stage "osteoplan.cmd") "@`"%~dp0python\python.exe`" -m app %*"
iscc /DStage=$stage /O"dist" resources\install\windows\osteoplan.iss
