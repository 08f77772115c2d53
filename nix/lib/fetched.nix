# What derivations have whose output comes from a registry, and whose hash is known.
{ tools, require }:
purpose:
{
  preferLocalBuild = true;
  outputHashMode = "flat";
  # Of the Nix daemon: proxies, and the file that logins are in.
  impureEnvVars = [
    "http_proxy"
    "https_proxy"
    "ftp_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "FTP_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
    "REGISTRY_AUTH_FILE"
  ];
  certificates = "${require tools "cacert" purpose}/etc/ssl/certs/ca-bundle.crt";
}
// (
  # Images may name store paths that the builder has too, which Nix would take for references. It knows the attribute
  # since 2.14, and without an experimental feature since 2.18.
  if builtins.compareVersions builtins.nixVersion "2.18" < 0 then
    { }
  else
    { unsafeDiscardReferences.out = true; }
)
