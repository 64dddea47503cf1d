// The temporary directory of a run: a copy of the repository's configuration, whose relative paths
// (journal, admin socket, .env) therefore lie in the copy's directory and never in the tree.

import EventLoop

struct DemoFolder {
  /// Where the repository's configuration listens.
  static let configuredListener = "127.0.0.1:8080"
  private static let fileBytesMaximum = 1 << 20

  /// The directory, mode 0700.
  let path: String
  /// The copied configuration.
  var configuration: String { path + "/gateway.conf" }

  /// Makes the directory.
  init() throws(SystemError) {
    path = try Files.makeTemporaryDirectory(prefix: "gateway-demo-")
  }

  /// The directory with gateway.conf: the working directory, or one above the program.
  static func findRepository() -> String? {
    var candidates = ["."]
    var directory = Files.directory(of: System.programName)
    while directory != "." && directory != "/" {
      candidates.append(directory)
      directory = Files.directory(of: directory)
    }
    return candidates.first { Files.status($0 + "/gateway.conf")?.kind == .file }
  }

  /// Copies gateway.conf and its routes, with another port if one is given.
  func copyConfiguration(from repository: String, port: UInt16?) throws(SystemError) {
    var text = String(
      decoding: try Files.read(
        repository + "/gateway.conf", bytesMaximum: Self.fileBytesMaximum), as: UTF8.self)
    if let port {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        line.hasPrefix("listen \(Self.configuredListener);")
          ? "listen 127.0.0.1:\(port);" : String(line)
      }
      text = lines.joined(separator: "\n")
    }
    try write(text, to: configuration)

    try Files.makeDirectories(path + "/routes", mode: 0o700)
    for route in try Files.glob(repository + "/routes/*.conf") {
      let bytes = try Files.read(route, bytesMaximum: Self.fileBytesMaximum)
      let name = route.split(separator: "/").last.map(String.init) ?? ""
      try Files.replace(path + "/routes/" + name, with: bytes.span, mode: 0o600)
    }
  }

  /// Writes the .env that the configuration reads.
  func writeEnvironment(_ variables: [(name: String, value: String)]) throws(SystemError) {
    let text = variables.map { "\($0.name)=\($0.value)\n" }.joined()
    try write(text, to: path + "/.env")
  }

  private func write(_ text: String, to path: String) throws(SystemError) {
    try Files.replace(path, with: Array(text.utf8).span, mode: 0o600)
  }

  /// Removes the directory with what the demo and the gateway put there. Only their own places are
  /// named: nothing follows a link or walks a tree.
  func remove() {
    for directory in ["/routes", "/state", "/run", ""] {
      for pattern in ["/*", "/.env*"] {
        // What can't be listed or removed is told by the last step.
        for file in (try? Files.glob(path + directory + pattern)) ?? [] {
          if Files.status(file)?.kind != .directory { try? Files.remove(file) }
        }
      }
      guard Files.status(path + directory) != nil else { continue }
      do throws(SystemError) {
        try Files.removeDirectory(path + directory)
      } catch {
        Console.complain("\(path + directory) is left behind: \(error.reason)")
      }
    }
  }
}
