// The TLS servers of `peers.py`: started once per test process, gone with it.

import Glibc

/// Real TLS servers on this machine, one port per case.
public struct TLSPeers: Sendable {
  /// Started at first use; empty when Python or openssl is missing, so that every test fails.
  public static let shared = TLSPeers()

  /// The certificate that signed the servers' own, as PEM.
  public let authorities: [UInt8]
  private let ports: [String: UInt16]

  /// The port of a case.
  public func port(_ name: String) -> UInt16? { ports[name] }

  private init() {
    var ports: [String: UInt16] = [:]
    var text = ""
    let script = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    let command = "exec python3 -W ignore '/\(script)/peers.py'"
    // Never closed: the servers end when this process, and with it the reading end, is gone.
    if let pipe = unsafe popen(command, "re") {
      var isAuthority = false
      while let line = unsafe Self.line(of: pipe), line != "end" {
        let words = line.split(separator: " ")
        if line == "authorities" {
          isAuthority = true
        } else if isAuthority {
          text += line + "\n"
        } else if words.count == 3 {
          ports[String(words[1])] = UInt16(words[2])
        }
      }
    }
    authorities = Array(text.utf8)
    self.ports = ports
  }

  @unsafe
  private static func line(of pipe: UnsafeMutablePointer<FILE>) -> String? {
    var bytes: [UInt8] = []
    while true {
      let byte = unsafe fgetc(pipe)
      guard byte >= 0 else { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
      if byte == 10 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
  }
}
