{
  # As in native/CMakeLists.txt: without either library there are no encoders.
  "variables": { "has_encoders": "<!(pkg-config --exists libdeflate libzstd && echo 1 || echo 0)" },
  "targets": [{
    "target_name": "addon",
    # The source list is shared with native/CMakeLists.txt.
    "sources": [ "<!@(node -p \"require('fs').readFileSync('native/sources.txt','utf8').trim().split(/\\s+/).map(f=>'native/'+f).join(' ')\")" ],
    "include_dirs": [ "native" ],
    "dependencies": [ "<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except_all" ],
    "conditions": [[ "has_encoders==1", {
      "sources": [ "<!@(node -p \"require('fs').readFileSync('native/encode.txt','utf8').trim().split(/\\s+/).map(f=>'native/'+f).join(' ')\")" ],
      "defines": [ "LAMINIX_ENCODERS" ],
      "cflags_cc": [ "<!@(pkg-config --cflags libdeflate libzstd)" ],
      "libraries": [ "<!@(pkg-config --libs libdeflate libzstd)" ]
    }]],
    "defines": [ "NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS" ],
    "cflags_cc!": [ "-std=gnu++17", "-fno-exceptions", "-fno-rtti" ],
    "cflags_cc": [ "-std=c++20", "-fexceptions", "-frtti", "-fvisibility=hidden", "-Wall", "-Wextra" ],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "GCC_ENABLE_CPP_RTTI": "YES"
    }
  }],
  "conditions": [[ "OS=='linux'", {
    "targets": [{
      # The program that enters namespaces.
      "target_name": "laminix-enter",
      "type": "executable",
      "sources": [ "<!@(node -p \"require('fs').readFileSync('native/enter.txt','utf8').trim().split(/\\s+/).map(f=>'native/'+f).join(' ')\")" ],
      "include_dirs": [ "native" ],
      "cflags_cc!": [ "-std=gnu++17", "-fno-exceptions", "-fno-rtti" ],
      "cflags_cc": [ "-std=c++20", "-fexceptions", "-frtti", "-Wall", "-Wextra" ]
    }]
  }]]
}
