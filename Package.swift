// swift-tools-version: 6.2
// The gateway: every module of the house is a target, so that the compiler keeps the walls.
// An arrow only ever points down; README.md, "Architecture", says what lives where.
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  // Release only. Run-time exclusivity checks cost 30 % of a request's instructions; debug builds
  // keep them, and every unit suite runs with them. Inlining across targets saves another 6 %.
  // Bounds checks stay on in both.
  .unsafeFlags(
    ["-enforce-exclusivity=unchecked", "-cross-module-optimization"],
    .when(configuration: .release)),
]

/// `Bytes` alone vends spans from its own storage, which needs the experimental feature;
/// users of those properties need no flag.
let lifetimes: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

/// A library target under `Sources` with the project's settings.
func room(_ name: String, _ dependencies: [Target.Dependency], _ extra: [SwiftSetting] = [])
  -> Target
{
  .target(name: name, dependencies: dependencies, swiftSettings: settings + extra)
}

/// The unit tests of one room.
func tests(_ name: String, _ extra: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name)] + extra, swiftSettings: settings)
}

let package = Package(
  name: "gateway",
  products: [
    .executable(name: "gateway", targets: ["Gateway"]),
    .executable(name: "demo", targets: ["Demo"]),
  ],
  targets: [
    // Floor 0
    .target(name: "CPlatform"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    room("Bytes", [], lifetimes),

    // Floor 1
    room("EventLoop", ["CPlatform", "Bytes"]),
    room("Crypto", ["COpenSSL", "Bytes"]),
    room("JSON", ["Bytes"]),
    room("Config", ["Bytes"]),
    room("HTTPWire", ["Bytes"]),
    room("Tokens", ["Crypto", "JSON", "Bytes"]),
    room("Transport", ["EventLoop", "Crypto", "Bytes"]),

    // Floor 2
    room("Policy", ["Tokens", "JSON", "HTTPWire", "Bytes"]),
    room("Fetch", ["Transport", "EventLoop", "HTTPWire", "Crypto", "Bytes"]),
    room("Redis", ["Bytes"]),

    // Floor 3 to 5
    room(
      "Proxy",
      [
        "Policy", "Tokens", "Transport", "HTTPWire", "EventLoop", "JSON", "Crypto", "Bytes",
      ]),
    room(
      "Admin",
      [
        "Proxy", "Policy", "Fetch", "Tokens", "Transport", "HTTPWire", "EventLoop", "JSON",
        "Crypto", "Bytes",
      ]),
    room(
      "Assembly",
      [
        "Admin", "Proxy", "Policy", "Redis", "Fetch", "Transport", "Tokens", "HTTPWire", "Config",
        "JSON", "Crypto", "EventLoop", "Bytes",
      ]),

    // Floor 6
    .executableTarget(
      name: "Gateway",
      dependencies: [
        "Assembly", "Admin", "Proxy", "Policy", "Fetch", "Tokens", "HTTPWire", "Config", "JSON",
        "Crypto", "EventLoop", "Bytes",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "Demo",
      dependencies: [
        "Assembly", "Tokens", "HTTPWire", "Config", "JSON", "Crypto", "EventLoop", "Bytes",
      ],
      swiftSettings: settings),

    // Tests
    tests("Bytes"),
    tests("EventLoop", ["Bytes"]),
    tests("Crypto", ["Bytes"]),
    tests("JSON", ["Bytes"]),
    tests("Config", ["Bytes"]),
    tests("HTTPWire", ["Bytes"]),
    tests("Tokens", ["Bytes", "Crypto", "JSON"]),
    tests("Redis", ["Bytes"]),
    .target(
      name: "TLSPeers", path: "Tests/TLSPeers", exclude: ["peers.py"], swiftSettings: settings),
    tests("Fetch", ["TLSPeers", "Bytes", "Crypto", "EventLoop", "HTTPWire"]),
    tests("Policy", ["Bytes", "HTTPWire", "Tokens", "Crypto", "JSON"]),
    tests("Proxy", ["Bytes", "HTTPWire", "Policy", "EventLoop", "Transport"]),
    tests(
      "Admin",
      ["TLSPeers", "Proxy", "Policy", "Fetch", "Tokens", "Crypto", "EventLoop", "Bytes"]),
    tests("Assembly", ["Admin", "Bytes", "Config", "Policy", "Proxy"]),
    tests("Gateway", ["Assembly", "Config", "JSON"]),
  ]
)
