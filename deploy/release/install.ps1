<#
.SYNOPSIS
Installs ClusterConnect's client from a relay's /download/ folder, after verifying that its makers signed it.
.EXAMPLE
.\install.ps1 -From https://relay.example.com [-Version X.Y.Z] [-To FOLDER] [-KubectlPlugin]
.NOTES
The keys below are what is trusted: take this script from the project, not from the relay that it is to check.
Needs ssh-keygen (Windows' OpenSSH client, 8.1 or later). Nothing is installed unless all checks pass.
#>
param(
  [Parameter(Mandatory)] [string] $From,
  [string] $To = "$env:LOCALAPPDATA\Programs\clusterconnect",
  [string] $Version = '',
  [switch] $KubectlPlugin
)
$ErrorActionPreference = 'Stop'
# BEGIN RELEASE KEYS
$ReleaseKeys = @'
release@clusterconnect.dev namespaces="clusterconnect-release" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJsNpgXPkrR9IVN+9bdPlX6lyzhny/+B2iLQqKUE/Qi0
'@
# END RELEASE KEYS

if ($From -notmatch '^https://') { throw "-From ${From}: expected https://HOST; nothing was installed" }
$base = $From.TrimEnd('/') -replace '/download$', ''
if (-not (Get-Command ssh-keygen -ErrorAction SilentlyContinue)) {
  throw 'ssh-keygen (the OpenSSH client of Windows) is needed to verify the signature; nothing was installed'
}
$machine = if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64' -or $env:PROCESSOR_ARCHITEW6432 -eq 'ARM64') { 'arm64' } else { 'x64' }
$name = "clusterconnect-windows-$machine.exe"
$work = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid())
New-Item -ItemType Directory -Path $work | Out-Null
try {
  function Get-File([string] $file) {
    Invoke-WebRequest -UseBasicParsing -MaximumRedirection 0 -Uri "$base/download/$file" -OutFile (Join-Path $work $file)
  }
  function Test-File([string] $file) {
    $lines = @(Get-Content (Join-Path $work 'SHA256SUMS') | Where-Object { $_ -cmatch "^[0-9a-f]{64}  $([regex]::Escape($file))$" })
    if ($lines.Count -ne 1) { throw "the signed list does not name $file exactly once; nothing was installed" }
    $found = (Get-FileHash -Algorithm SHA256 (Join-Path $work $file)).Hash.ToLowerInvariant()
    if ($found -cne $lines[0].Substring(0, 64)) { throw "$file is not the file that was signed; nothing was installed" }
  }
  $signers = Join-Path $work 'allowed_signers'
  if ($env:CLUSTERCONNECT_ALLOWED_SIGNERS) { Copy-Item $env:CLUSTERCONNECT_ALLOWED_SIGNERS $signers }
  else { [IO.File]::WriteAllText($signers, ($ReleaseKeys -replace "`r", '') + "`n") }
  Get-File 'SHA256SUMS'
  Get-File 'SHA256SUMS.sig'
  # Through cmd, because PowerShell would change the bytes that it pipes.
  & cmd /c "ssh-keygen -Y verify -f ""$signers"" -I release@clusterconnect.dev -n clusterconnect-release -s ""$work\SHA256SUMS.sig"" < ""$work\SHA256SUMS"" > NUL 2>&1"
  if ($LASTEXITCODE -ne 0) { throw 'the checksums are not signed by a release key; nothing was installed' }
  Get-File 'version.txt'
  Test-File 'version.txt'
  $offered = (Get-Content (Join-Path $work 'version.txt') -Raw).Trim()
  if ($Version -and $Version -cne $offered) { throw "$From has version $offered, expected $Version; nothing was installed" }
  Get-File $name
  Test-File $name
  New-Item -ItemType Directory -Force -Path $To | Out-Null
  Copy-Item -Force (Join-Path $work $name) (Join-Path $To 'clusterconnect.exe')
  if ($KubectlPlugin) { Copy-Item -Force (Join-Path $work $name) (Join-Path $To 'kubectl-clusterconnect.exe') }
  Write-Host "clusterconnect $offered is at $To\clusterconnect.exe; its signature is good"
} finally {
  Remove-Item -Recurse -Force $work
}
