# The command-line tool, for nixpkgs' callPackage.
{
  lib,
  stdenv,
  nodejs,
  cacert,
  cmake,
  ninja,
  libdeflate,
  zstd,
}:
let
  src = builtins.path {
    name = "laminix";
    path = ../.;
    filter = file: _: dirOf file != toString ../. || !(builtins.elem (baseNameOf file) made);
  };
  # What a checkout has beside the sources.
  made = [
    ".cache"
    ".git"
    "build"
    "dist"
    "node_modules"
    "prebuilds"
  ];

  package = lib.importJSON ../package.json;

  # npm uses its default registry unless the builder's environment names another.
  npmDeps = stdenv.mkDerivation {
    name = "${package.name}-${package.version}-npm-deps";
    nativeBuildInputs = [ nodejs ];
    # No phases: they would write store paths into scripts, which a fixed output must not have.
    buildCommand = ''
      export HOME=$TMPDIR
      sh ${../scripts/npm-deps} ${../package.json} ${../package-lock.json} "$out"
    '';
    # The first is for OpenSSL, the second for a Node with built-in certificates.
    SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
    NODE_EXTRA_CA_CERTS = "${cacert}/etc/ssl/certs/ca-bundle.crt";
    impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [
      "NPM_CONFIG_REGISTRY"
      "npm_config_registry"
    ];
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
    outputHash = lib.fileContents ./npm-deps.hash;
  };
in
stdenv.mkDerivation {
  pname = package.name;
  inherit (package) version;
  inherit src;
  passthru = { inherit npmDeps; };

  nativeBuildInputs = [
    nodejs
    cmake
    ninja
  ];
  # The first for the first line of installed scripts, the others for the addon.
  buildInputs = [
    nodejs
    libdeflate
    zstd
  ];

  # Does what cmake-js would do, without downloading Node's headers.
  configurePhase = ''
    runHook preConfigure
    cp -r ${npmDeps}/building node_modules
    chmod -R u+w node_modules
    patchShebangs node_modules
    cmake -S native -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/build/Release" \
      -DCMAKE_JS_INC="${lib.getDev nodejs}/include/node;$PWD/node_modules/node-addon-api" \
      ${lib.optionalString stdenv.hostPlatform.isDarwin "-DCMAKE_MODULE_LINKER_FLAGS='-undefined dynamic_lookup'"}
    runHook postConfigure
  '';
  buildPhase = ''
    runHook preBuild
    cmake --build build
    HOME=$TMPDIR npm run compile
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    home=$out/lib/node_modules/${package.name}
    mkdir -p "$home" "$out/bin"
    cp -r LICENSE dist package.json "$home"
    cp -r ${npmDeps}/production "$home/node_modules"
    chmod -R u+w "$home/node_modules"
    install -D -t "$home/build/Release" build/Release/addon.node ${lib.optionalString stdenv.hostPlatform.isLinux "build/Release/laminix-enter"}
    chmod +x "$home/dist/cli/bin.js"
    ln -s "$home/dist/cli/bin.js" "$out/bin/laminix"
    install -D -m 644 -t "$out/share/man/man1" man/*.1
    runHook postInstall
  '';

  meta = {
    inherit (package) description;
    license = lib.licenses.mit;
    mainProgram = "laminix";
    platforms = lib.platforms.unix;
  };
}
