# The action's script for Windows. The keys that it trusts are those of the repository that the action comes from.
$ErrorActionPreference = 'Stop'
$release = Join-Path $PSScriptRoot '../release'
$to = Join-Path $env:RUNNER_TEMP 'clusterconnect/bin'
if (-not $env:CLUSTERCONNECT_ALLOWED_SIGNERS) { $env:CLUSTERCONNECT_ALLOWED_SIGNERS = Join-Path $release 'allowed_signers' }
& (Join-Path $release 'install.ps1') -From $env:CLUSTERCONNECT_INSTALL_FROM -To $to `
  -Version "$env:CLUSTERCONNECT_INSTALL_VERSION" -KubectlPlugin:($env:CLUSTERCONNECT_INSTALL_PLUGIN -eq 'true')
Add-Content -Path $env:GITHUB_PATH -Value $to
