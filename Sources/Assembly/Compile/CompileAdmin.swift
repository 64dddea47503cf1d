// The admin line: where a running gateway is asked and told things, and what a stranger needs for it.

import Bytes
import Config
import Crypto
import EventLoop
import Proxy

extension Compiler {
  /// Shortest admin token, in bytes: as long as an HS256 secret.
  static let adminTokenBytesMinimum = 32
  /// Longest admin token, in bytes.
  static let adminTokenBytesMaximum = 1024

  /// A Unix socket, whose mode is its lock; or a TCP address, where all but health needs a token.
  func admin(_ directive: Directive) -> AdminSettings? {
    guard let argument = directive.arguments.first,
      let endpoint = endpoint(argument, forListening: true)
    else { return nil }
    guard case .address(let address) = endpoint else { return nil }
    let file = self.argument("token_file", of: directive.body)
    guard address.family != .unix else {
      if let file {
        return file.refuse(
          log, "has no meaning here", "only the owner can use a Unix socket: leave token_file out")
      }
      return AdminSettings(address: endpoint)
    }
    if !address.isLoopback {
      settings.warnings.append(
        "\(directive.span.place): admin \(argument.text) can be reached from other machines, and "
          + "its token travels unencrypted")
    }
    guard let file else { return AdminSettings(address: endpoint) }
    return adminToken(file).map { AdminSettings(address: endpoint, token: $0) }
  }

  /// The content of a token file; what is wrong with it is told without a byte of it.
  private func adminToken(_ argument: Argument) -> SecretBytes? {
    guard let path = path(argument) else { return nil }
    var bytes: [UInt8]
    switch source.readFile(path, Self.adminTokenBytesMaximum + 1) {
    case .bytes(let read): bytes = read
    case .missing: return argument.refuse(log, "is not there", "put a token of 32 bytes into it")
    case .tooLarge: return argument.refuse(log, "is too large for a token", "at most 1024 bytes")
    case .failed(let reason): return argument.refuse(log, "can't be read: \(reason)", nil)
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    guard bytes.count >= Self.adminTokenBytesMinimum else {
      return argument.refuse(
        log, "holds \(bytes.count) bytes, too few for a token", "make one with: gateway secret new")
    }
    // It is presented in a header field, where nothing else would arrive.
    guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      return argument.refuse(
        log, "holds spaces or bytes that no header field can carry",
        "make one with: gateway secret new")
    }
    return SecretBytes(bytes.span)
  }
}
