# CA certificates, in the places where programs of the distributions look for them.
{
  write,
  pkgs,
  require,
}:
write.folder "ca-certificates" ''
  bundle=${require pkgs "cacert" "caCertificates"}/etc/ssl/certs/ca-bundle.crt
  mkdir -p "$out/etc/ssl/certs" "$out/etc/pki/tls/certs"
  ln -s "$bundle" "$out/etc/ssl/certs/ca-bundle.crt"
  ln -s "$bundle" "$out/etc/ssl/certs/ca-certificates.crt"
  ln -s "$bundle" "$out/etc/pki/tls/certs/ca-bundle.crt"
''
