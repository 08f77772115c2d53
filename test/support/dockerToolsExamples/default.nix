# The images of nixpkgs' tests of dockerTools, by their names there: those of its examples.nix, and those that its tests
# in NixOS define. All but what needs NixOS or a cross compiler; test/soak/dockerToolsExamples.test.ts lists both.
{
  pkgs,
  images,
  functions,
  # Makes a derivation that a shell of this machine builds.
  build,
  # Arguments of pullImage, for an image in a registry.
  pulled,
  # An image whose manifest lists its one layer twice.
  repeatedLayers,
}:
let
  inherit (images)
    buildImage
    buildLayeredImage
    streamLayeredImage
    streamNixShellImage
    ;

  shell = pkgs.bashInteractive;
  script = name: text: build name ''
    mkdir -p "$out/bin"
    cat > "$out/bin/${name}" <<'SCRIPT'
    #!${shell}/bin/sh
    ${text}
    SCRIPT
    chmod +x "$out/bin/${name}"
  '';
  hello = script "hello" ''echo "Hello, world!"'';
  # Stands in for a server: what it serves is in its own root.
  httpd = script "httpd" ''exec ${shell}/bin/busybox httpd "$@"'';

  programs = import ../containedPrograms.nix { inherit pkgs build; };
  inherit (programs) tools;
  # Has programs of the store where an image's root is at `/`.
  inRoot = functions { pkgs = pkgs // programs.forScripts; };

  env = [ "PATH=/bin" ];
  # As Nix has one.
  daemonLink = build "with-daemon" ''mkdir -p "$out/bin"; ln -s hello "$out/bin/nix-daemon"'';

  stdenv = build "stdenv" ''
    mkdir "$out"
    cat > "$out/setup" <<'SETUP'
    set -eu
    PATH=${tools}/bin:${shell}/bin
    for input in ''${buildInputs-}; do PATH=$input/bin:$PATH; done
    export PATH
    runHook() { eval "''${!1:-}"; }
    set +u
    SETUP
  '';
  package =
    attributes:
    derivation (
      {
        name = "hello-shell";
        system = builtins.currentSystem;
        builder = "${tools}/bin/bash";
        args = [
          "-ec"
          ''source $stdenv/setup; mkdir -p "$out/bin"; ln -s ${hello}/bin/hello "$out/bin"''
        ];
        inherit stdenv;
        buildInputs = [ hello ];
      }
      // attributes
    );
  nixShell =
    name: attributes: options:
    streamNixShellImage (
      {
        name = "nix-shell-${name}";
        drv = package attributes;
        tag = "latest";
        shell = "${tools}/bin/bash";
      }
      // options
    );

  nginxArguments = {
    name = "nginx-container";
    tag = "latest";
    contents = [
      shell
      httpd
      (images.fakeNss.override {
        extraPasswdLines = [ "nginx:x:1000:1000::/var/empty:/bin/sh" ];
        extraGroupLines = [ "nginx:x:1000:" ];
      })
    ];
    extraCommands = ''
      mkdir -p tmp/nginx_client_body var/www
      chmod 1777 tmp tmp/nginx_client_body
      echo served > var/www/index.html
    '';
    config = {
      Cmd = [
        "/bin/sh"
        "-c"
        "id -un; touch /tmp/nginx_client_body/x; httpd -p 8080 -h /var/www; busybox wget -qO- http://127.0.0.1:8080/"
      ];
      User = "nginx";
      Env = env;
      ExposedPorts."8080/tcp" = { };
    };
  };
  childEnv = [
    "FROM_CHILD=true"
    "LAST_LAYER=child"
  ];
  bashIn = compressor: {
    name = "bash-${compressor}";
    tag = "latest";
    inherit compressor;
    copyToRoot = [ shell ];
  };
  bashLayeredIn = compressor: {
    name = "bash-layered-${compressor}";
    tag = "latest";
    inherit compressor;
    contents = [ shell ];
  };
  helloOnRootArguments = {
    name = "hello";
    tag = "latest";
    contents = [ hello ];
    config.Cmd = [ "hello" ];
    config.Env = env;
  };

  selfReferential = build "self-referential" ''echo "$out" > "$out"'';
  fileInStore = build "some-script" ''
    printf '#!%s/bin/sh\ncat %s\n' ${shell} ${build "some-data" "echo some data > $out"} > "$out"
    chmod +x "$out"
  '';
  storeSymlink = build "store-symlink" ''ln -s ${build "some-data" "echo some data > $out"} "$out"'';
  # In no image but that of the commands that link to it.
  uniqueHello = script "unique-hello" "echo unique hello";

  whether = ''case "$-" in *i*) echo interactive ;; *) echo "not interactive" ;; esac'';

  # Nodes of a graph, each a file that names those that it needs.
  nodesOf =
    edges:
    let
      nodes = builtins.mapAttrs (
        name: needs: build name ''echo ${toString (map (each: nodes.${each}) needs)} > "$out"''
      ) edges;
    in
    nodes;
  planOf =
    name: nodes: layeringPipeline:
    (streamLayeredImage {
      inherit name layeringPipeline;
      config.Env = map (node: "NODE=${node}") (builtins.attrValues nodes);
    }).conf;
  mainNodes = nodesOf {
    A = [
      "B"
      "C"
    ];
    B = [ "C" ];
    C = [ ];
  };
  popularNodes = nodesOf {
    Root1 = [ "A" ];
    Root2 = [ "B" ];
    Root3 = [ "C" ];
    A = [
      "B"
      "D"
    ];
    B = [
      "D"
      "F"
    ];
    C = [ ];
    D = [ "E" ];
    E = [ ];
    F = [ ];
    X = [ ];
  };
in
rec {
  bash = buildImage {
    name = "bash";
    tag = "latest";
    copyToRoot = [ shell ];
  };
  redis = buildImage {
    name = "redis";
    tag = "latest";
    fromImage = bash;
    copyToRoot = [ hello ];
    runAsRoot = ''
      mkdir -p /data /etc
      echo 'redis:x:999:999::/data:/bin/sh' >> /etc/passwd
      chown 999:999 /data
    '';
    config = {
      Cmd = [
        "/bin/sh"
        "-c"
        "hello; id -un; stat -c %U /data; pwd"
      ];
      Env = env;
      User = "redis";
      WorkingDir = "/data";
      Volumes."/data" = { };
      Healthcheck = {
        Test = [
          "CMD-SHELL"
          "/bin/hello"
        ];
        Interval = 30000000000;
      };
    };
  };

  nginx = buildLayeredImage nginxArguments;
  nginxStream = streamLayeredImage nginxArguments;

  nixFromDockerHub = images.pullImage pulled;
  onTopOfPulledImage = buildImage {
    name = "onTopOfPulledImage";
    tag = "latest";
    fromImage = nixFromDockerHub;
    copyToRoot = [ hello ];
    config.Cmd = [ "/bin/hello" ];
  };

  editors = buildImage {
    name = "editors";
    tag = "latest";
    copyToRoot = [
      shell
      hello
      httpd
    ];
    config.Env = env;
  };

  nix = images.buildImageWithNixDb {
    name = "nix";
    tag = "latest";
    copyToRoot = [
      daemonLink
      hello
      shell
    ];
  };
  nixLayered = images.buildLayeredImageWithNixDb {
    name = "nix-layered";
    compressor = "none";
    contents = [
      daemonLink
      hello
      shell
    ];
  };
  nix-layered = streamLayeredImage {
    name = "nix-streamed";
    tag = "latest";
    contents = [
      daemonLink
      hello
      shell
    ];
    includeNixDB = true;
  };

  runAsRootExtraCommands = buildImage {
    name = "runAsRootExtraCommands";
    tag = "latest";
    copyToRoot = [ shell ];
    # The quotes are the test.
    runAsRoot = ''(echo "it's runAsRoot" > "/runAsRoot")'';
    extraCommands = ''(echo 'say "extraCommands"' > 'extraCommands')'';
  };
  runAsRootParentImage = buildImage {
    name = "runAsRootParentImage";
    tag = "latest";
    fromImage = bash;
    runAsRoot = "touch /example-file; printf a >> /layer-order";
  };

  unstableDate = buildImage {
    name = "unstable-date";
    tag = "latest";
    copyToRoot = [ hello ];
    created = "now";
  };
  unstableDateLayered = buildLayeredImage {
    name = "unstable-date-layered";
    tag = "latest";
    contents = [ hello ];
    created = "now";
  };

  layered-image = buildLayeredImage {
    name = "layered-image";
    tag = "latest";
    maxLayers = 42;
    contents = [
      hello
      shell
    ];
    extraCommands = "echo layered > extraCommands";
    config = {
      Cmd = [ "${hello}/bin/hello" ];
      Env = env;
    };
  };
  another-layered-image = buildLayeredImage {
    name = "another-layered-image";
    tag = "latest";
    contents = [ hello ];
    config.Cmd = [ "${httpd}/bin/httpd" ];
  };
  layered-on-top = buildImage {
    name = "layered-on-top";
    tag = "latest";
    fromImage = layered-image;
    extraCommands = "mkdir ./example-output; chmod 777 ./example-output";
    config = {
      Env = env;
      WorkingDir = "/example-output";
      Cmd = [
        "/bin/sh"
        "-c"
        "hello > foo; cat foo"
      ];
    };
  };
  layered-on-top-layered = streamLayeredImage {
    name = "layered-on-top-layered";
    tag = "latest";
    fromImage = layered-image;
    extraCommands = "mkdir ./example-output; chmod 777 ./example-output";
    config = {
      Env = env;
      WorkingDir = "/example-output";
      Cmd = [
        "/bin/sh"
        "-c"
        "hello > foo; cat foo"
      ];
    };
  };

  layersOrder =
    let
      layerOnTopOf =
        parent: number:
        buildImage {
          name = "l${toString number}";
          tag = "latest";
          fromImage = parent;
          copyToRoot = [ shell ];
          extraCommands = ''
            mkdir -p tmp
            echo layer${toString number} > tmp/layer${toString number}
            echo layer${toString number} > tmp/last
          '';
        };
    in
    builtins.foldl' layerOnTopOf null [
      1
      2
      3
    ];
  layersUnpackOrder =
    let
      layerOnTopOf =
        parent: name:
        buildImage {
          name = "layers-unpack-order-${name}";
          tag = "latest";
          fromImage = parent;
          runAsRoot = "printf ${name} >> /layer-order";
        };
    in
    # Each costs a machine; the lowest of them is there already.
    builtins.foldl' layerOnTopOf runAsRootParentImage [
      "b"
      "c"
    ];
  repeated-layers = buildImage {
    name = "repeated-layers";
    tag = "latest";
    fromImage = repeatedLayers;
    runAsRoot = "touch /example-file";
  };

  environmentVariablesParent = buildImage {
    name = "parent";
    tag = "latest";
    copyToRoot = [ shell ];
    config.Env = env ++ [
      "FROM_PARENT=true"
      "LAST_LAYER=parent"
    ];
  };
  environmentVariables = buildImage {
    name = "child";
    tag = "latest";
    fromImage = environmentVariablesParent;
    config.Env = childEnv;
  };
  environmentVariablesLayered = streamLayeredImage {
    name = "child-layered";
    tag = "latest";
    fromImage = environmentVariablesParent;
    config.Env = childEnv;
  };

  two-layered-image = streamLayeredImage {
    name = "two-layered-image";
    tag = "latest";
    maxLayers = 2;
    contents = [ hello ];
    config.Cmd = [ "/bin/hello" ];
  };
  bulk-layer = streamLayeredImage {
    name = "bulk-layer";
    tag = "latest";
    maxLayers = 2;
    contents = [
      shell
      hello
    ];
    config.Env = env;
  };
  layered-bulk-layer = streamLayeredImage {
    name = "layered-bulk-layer";
    tag = "latest";
    fromImage = buildLayeredImage {
      name = "two-layered-image";
      maxLayers = 2;
      contents = [ shell ];
    };
    maxLayers = 4;
    contents = [
      hello
      httpd
    ];
    config.Env = env;
  };

  no-store-paths = buildLayeredImage {
    name = "no-store-paths";
    tag = "latest";
    extraCommands = ''
      mkdir bin
      cp ${shell}/bin/busybox bin/busybox
      for each in sh ls; do ln -s busybox bin/$each; done
      # Needed to build this, and not to run it.
      ${hello}/bin/hello > greeting
      ln -s ${selfReferential} self
    '';
  };

  filesInStore = images.buildLayeredImageWithNixDb {
    name = "file-in-store";
    tag = "latest";
    compressor = "none";
    contents = [ shell ];
    config.Cmd = [ "${fileInStore}" ];
  };
  layeredStoreSymlink = streamLayeredImage {
    name = "layered-store-symlink";
    tag = "latest";
    contents = [ shell ];
    config = {
      Env = env;
      Cmd = [
        "/bin/sh"
        "-c"
        "readlink ${storeSymlink}; cat ${storeSymlink}"
      ];
    };
  };

  bashNoTag = buildImage {
    name = "bash-no-tag";
    copyToRoot = [ shell ];
  };
  bashNoTagLayered = buildLayeredImage {
    name = "bash-no-tag-layered";
    contents = [ shell ];
  };
  bashNoTagStreamLayered = streamLayeredImage {
    name = "bash-no-tag-stream-layered";
    contents = [ shell ];
  };
  bashLayeredWithUser = buildLayeredImage {
    name = "bash-layered-with-user";
    tag = "latest";
    contents = [ shell ];
    config.User = "1000:1000";
    config.Env = env;
  };
  layered-non-root = streamLayeredImage {
    name = "layered-non-root";
    tag = "latest";
    contents = [ shell ];
    uid = 1000;
    gid = 1000;
    uname = "user";
    gname = "user";
    config.User = "user";
    config.Env = env;
  };

  bashUncompressed = buildImage (bashIn "none");
  bashZstdCompressed = buildImage (bashIn "zstd");
  bashLayeredUncompressed = buildLayeredImage (bashLayeredIn "none");
  bashLayeredZstdCompressed = buildLayeredImage (bashLayeredIn "zstd");

  prefixedImage = buildImage {
    name = "registry-1.docker.io/image";
    tag = "latest";
    config.Cmd = [ "${hello}/bin/hello" ];
  };
  prefixedLayeredImage = buildLayeredImage {
    name = "registry-1.docker.io/layered-image";
    tag = "latest";
    config.Cmd = [ "${hello}/bin/hello" ];
  };

  layeredImageWithFakeRootCommands = buildLayeredImage {
    name = "layered-image-with-fake-root-commands";
    tag = "latest";
    contents = [ shell ];
    fakeRootCommands = ''
      mkdir -p ./home/alice
      chown 1000 ./home/alice
      ln -s ${uniqueHello} ./hello
    '';
  };

  mergedBashAndRedis = images.mergeImages [
    bash
    redis
  ];
  mergedBashNoTagAndRedis = images.mergeImages [
    bashNoTag
    redis
  ];
  mergedBashFakeRoot = images.mergeImages [
    bash
    layeredImageWithFakeRootCommands
  ];
  mergeVaryingCompressor = images.mergeImages [
    bash
    bashUncompressed
    bashLayeredZstdCompressed
  ];

  helloOnRoot = streamLayeredImage helloOnRootArguments;
  helloOnRootNoStore = streamLayeredImage (
    helloOnRootArguments
    // {
      name = "hello-no-store";
      includeStorePaths = false;
    }
  );
  helloOnRootNoStoreFakechroot = inRoot.streamLayeredImage (
    helloOnRootArguments
    // {
      name = "hello-no-store-fakechroot";
      includeStorePaths = false;
      enableFakechroot = true;
      fakeRootCommands = "id -u > /made";
    }
  );

  exportBash = images.exportImage { fromImage = bash; };
  imageViaFakeChroot = inRoot.streamLayeredImage {
    name = "image-via-fake-chroot";
    tag = "latest";
    config.Cmd = [ "hello" ];
    config.Env = env;
    enableFakechroot = true;
    # Absolute paths are those of the image.
    fakeRootCommands = ''
      mkdir /bin
      ln -s ${hello}/bin/hello /bin/hello
    '';
  };
  build-image-with-fakechroot-chown = inRoot.streamLayeredImage {
    name = "fakechroot-chown";
    tag = "latest";
    contents = [ shell ];
    config.Env = env;
    enableFakechroot = true;
    fakeRootCommands = ''
      mkdir /foo
      chown 12345:12345 /foo
    '';
  };

  image-with-certs = buildImage {
    name = "image-with-certs";
    tag = "latest";
    copyToRoot = [
      shell
      images.caCertificates
    ];
  };

  build-image-with-path = buildImage {
    name = "build-image-with-path";
    tag = "latest";
    copyToRoot = [
      shell
      ./test-dummy
    ];
  };
  layered-image-with-path = streamLayeredImage {
    name = "layered-image-with-path";
    tag = "latest";
    contents = [
      shell
      ./test-dummy
    ];
  };
  build-image-with-architecture = buildImage {
    name = "build-image-with-architecture";
    tag = "latest";
    architecture = "arm64";
    copyToRoot = [ shell ];
  };
  layered-image-with-architecture = streamLayeredImage {
    name = "layered-image-with-architecture";
    tag = "latest";
    architecture = "arm64";
    contents = [ shell ];
  };

  nix-shell-basic = nixShell "basic" { } { };
  nix-shell-hook = nixShell "hook" { shellHook = ''echo "This is the shell hook!"; exit''; } { };
  nix-shell-inputs = nixShell "inputs" { } { command = "hello"; };
  nix-shell-pass-as-file = nixShell "pass-as-file" {
    passAsFile = [ "text" ];
    text = "this is a string";
  } { command = ''cat "$textPath"''; };
  nix-shell-run = nixShell "run" { } { run = whether; };
  nix-shell-command = nixShell "command" { } { command = whether; };
  nix-shell-writable-home = nixShell "writable-home" { } {
    run = ''
      if [[ "$HOME" != "$(eval "echo ~$(id -un)")" ]]; then
        exit 1
      fi
      echo written > "$HOME/test-file"
      cat "$HOME/test-file"
    '';
  };
  nix-shell-nonexistent-home = nixShell "nonexistent-home" { } {
    homeDirectory = "/homeless-shelter";
    run = ''
      [[ "$HOME" == /homeless-shelter ]]
      [[ -e "$HOME" ]] || echo "no home"
    '';
  };
  nix-shell-build-derivation = nixShell "build-derivation" { } { run = ''buildDerivation && "$out/bin/hello"''; };
  nix-shell-file = images.buildNixShellImage {
    name = "nix-shell-file";
    drv = package { };
    tag = "latest";
    shell = "${tools}/bin/bash";
    compressor = "none";
    run = "hello";
  };

  pipeline-main = planOf "main" mainNodes [ [ "split_paths" [ mainNodes.B ] ] ];
  pipeline-popularity = planOf "popularity" popularNodes [ [ "popularity_contest" ] ];
  pipeline-split-paths = planOf "split-paths" popularNodes [ [ "split_paths" [ popularNodes.B ] ] ];

  # No image: Nix, which is mounted, as it is large.
  nixProgram = programs.contained "nix" [ "nix-store" ] "";
}
