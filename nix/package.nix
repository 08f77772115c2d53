# The tool, for nixpkgs' callPackage.
{
  lib,
  stdenv,
  buildNpmPackage,
  importNpmLock,
  nodejs,
  cmake,
  ninja,
  # Where npm's packages are fetched from: the lock file has their hashes, and leaves the place to whoever installs.
  npmRegistry ? "https://registry.npmjs.org",
}:
let
  src = builtins.path {
    name = "laminix";
    path = ../.;
    filter = file: _: dirOf file != toString ../. || !(builtins.elem (baseNameOf file) made);
  };
  # Beside the sources, in a checkout.
  made = [
    ".cache"
    ".git"
    "build"
    "dist"
    "node_modules"
  ];

  package = lib.importJSON ../package.json;
  lock = lib.importJSON ../package-lock.json;

  # Of the packages for development a build needs the compiler alone.
  forBuilding = [
    "typescript"
    "@types/node"
  ];
  isNeeded =
    place: entry:
    !(entry.dev or false)
    || builtins.elem place (map (name: "node_modules/${name}") (forBuilding ++ [ "undici-types" ]));
  needed = lib.filterAttrs isNeeded lock.packages;

  withAddress =
    place: entry:
    let
      name = lib.last (lib.splitString "node_modules/" place);
    in
    if place == "" then
      entry // { devDependencies = development; }
    else
      entry
      // {
        resolved = "${npmRegistry}/${name}/-/${baseNameOf name}-${entry.version}.tgz";
      };
  development = lib.getAttrs forBuilding package.devDependencies;
in
buildNpmPackage {
  pname = package.name;
  inherit (package) version;
  inherit src;

  npmDeps = importNpmLock {
    package = package // {
      devDependencies = development;
    };
    packageLock = lock // {
      packages = lib.mapAttrs withAddress needed;
    };
  };
  inherit (importNpmLock) npmConfigHook;
  # The one script that installing runs would download Node's headers, which are here.
  npmFlags = [ "--ignore-scripts" ];
  npmBuildScript = "build:ts";

  nativeBuildInputs = [
    cmake
    ninja
  ];
  dontUseCmakeConfigure = true;
  dontUseNinjaBuild = true;
  dontUseNinjaCheck = true;
  dontUseNinjaInstall = true;

  # What cmake-js would do.
  preBuild = ''
    cmake -S native -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/build/Release" \
      -DCMAKE_JS_INC="${lib.getDev nodejs}/include/node;$PWD/node_modules/node-addon-api" \
      ${lib.optionalString stdenv.hostPlatform.isDarwin "-DCMAKE_MODULE_LINKER_FLAGS='-undefined dynamic_lookup'"}
    cmake --build build
  '';
  postInstall = ''
    install -D -t "$out/lib/node_modules/${package.name}/build/Release" build/Release/addon.node
  '';

  meta = {
    inherit (package) description;
    license = lib.licenses.mit;
    mainProgram = "laminix";
    platforms = lib.platforms.unix;
  };
}
