// swift-tools-version: 6.2
// The fuzzer: a package of its own, because every module it meets is compiled with coverage and
// AddressSanitizer. It shares the gateway's sources through the link `Sources`; `run` builds it.
import PackageDescription

let sanitizers: [String] = ["-sanitize=fuzzer,address"]

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .unsafeFlags(sanitizers),
]

/// `Bytes` alone vends spans from its own storage.
let lifetimes: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

/// A library target of the gateway.
func room(_ name: String, _ dependencies: [Target.Dependency], _ extra: [SwiftSetting] = [])
  -> Target
{
  .target(name: name, dependencies: dependencies, swiftSettings: settings + extra)
}

let package = Package(
  name: "fuzz",
  targets: [
    .target(name: "CPlatform"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    room("Bytes", [], lifetimes),
    room("EventLoop", ["CPlatform", "Bytes"]),
    room("Crypto", ["COpenSSL", "Bytes"]),
    room("JSON", ["Bytes"]),
    room("Config", ["Bytes"]),
    room("HTTPWire", ["Bytes"]),
    room("Tokens", ["Crypto", "JSON", "Bytes"]),
    room("Transport", ["EventLoop", "Crypto", "Bytes"]),
    room("Policy", ["Tokens", "JSON", "HTTPWire", "Bytes"]),
    room("Fetch", ["Transport", "EventLoop", "HTTPWire", "Crypto", "Bytes"]),
    room("Redis", ["Bytes"]),
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
    // libFuzzer brings `main`.
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "Assembly", "Proxy", "Policy", "Redis", "Fetch", "Tokens", "HTTPWire", "Config", "Crypto",
        "EventLoop", "Bytes",
      ],
      path: "Targets",
      swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: [.unsafeFlags(sanitizers)]),
  ]
)
